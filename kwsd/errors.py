"""What can go wrong, named for what the operator does next.

Every error becomes one line on standard error and one exit status, in `kwsd.cli` alone. The statuses follow
BSD's sysexits.h.
"""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a full disk, a quota or a limit on files says."""
_OUT_OF_REACH = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EIO, errno.ESTALE, errno.ENOTCONN)
"""What a closed door says, and a name that leads nowhere."""


_LONGEST = 300
"""Characters of what another library says."""


class KwsdError(Exception):
    """Something that the operator has to know; its text says what happened and what to do about it.

    `what` and `remedy` are the two apart; the remedy is "" where none is known, or what happened says it all.
    """

    exit_status: ClassVar[int] = 70

    def __init__(self, what: str, remedy: str = "") -> None:
        """A colon joins the two in the text, or the semicolon that `what` is given with."""
        super().__init__(what, remedy)  # copies are made of these
        self.what = what.removesuffix(";") if remedy else what
        self.remedy = remedy
        self._joint = " " if what.endswith(";") else ": "

    def __str__(self) -> str:
        return f"{self.args[0]}{self._joint}{self.remedy}" if self.remedy else self.what


class Interrupted(KwsdError):
    """Somebody pressed Ctrl-C, and what was under way is kept: go on as the text says."""

    exit_status = 130


class UsageError(KwsdError):
    """The command line asks for what does not exist or cannot be, or contradicts itself: read the help, call again."""

    exit_status = 2


class InputError(KwsdError):
    """A recording, a folder or a pipe cannot be read: name another, or repair it."""

    exit_status = 66


class OutputError(KwsdError):
    """A file or a folder cannot be written, for another reason than want of room: name another place."""

    exit_status = 73


class DeviceError(KwsdError):
    """A microphone, a GPU, a socket or a library is missing, busy or gone: free it, install it or choose another."""

    exit_status = 69


class ConfigError(KwsdError):
    """The configuration contradicts itself or the model: edit the file or the flag that the text names."""

    exit_status = 78


class ModelError(ConfigError):
    """A model folder is missing, damaged or unsafe: fetch it again, or name another."""


@contextmanager
def writing(path: object) -> Iterator[None]:
    """Around whatever writes to `path`. Raises DeviceError where there is no room, OutputError for another OSError."""
    try:
        yield
    except OSError as error:
        what = f"{path}: cannot be written ({error.strerror or error})"
        if error.errno in NO_ROOM:
            raise DeviceError(what, "make room, or write elsewhere") from error
        raise OutputError(what, "name another place") from error


def out_of_reach(error: BaseException) -> str:
    """Which name leads to a closed door or nowhere, and why; "" for any other error."""
    if isinstance(error, OSError) and error.errno in _OUT_OF_REACH and error.filename:
        return f"{error.filename}: {error.strerror}"
    return ""


def lacks_packages(what: str, error: ImportError, extra: str = "") -> DeviceError:
    """The error for work that needs packages which are not installed, those of an `extra` or kwsd's own: by the pip of
    this interpreter, as another one would look for kwsd elsewhere."""
    wanted = f"'kwsd[{extra}]'" if extra else "kwsd"
    return DeviceError(f"{what} ({error})", f"{shlex.quote(sys.executable)} -m pip install {wanted}")


def first_line(why: object) -> str:
    """What another library's error says, as far as a line has room for it; its class where it says nothing.

    A line that ends with a colon is read on to the next; a long one, such as a list of all that is known, is cut.
    """
    lines = str(why).strip().splitlines()
    line = lines[0] if lines else type(why).__name__
    if line.endswith(":"):
        line = " ".join(map(str.strip, lines[:2]))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"

"""Exceptions, classified by what the operator has to do next.

Every error becomes one line on standard error and one exit status, in `kwsd.cli` alone. The statuses follow
BSD's sysexits.h.
"""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exhausted quota and a file size limit."""
_OUT_OF_REACH = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EIO, errno.ESTALE, errno.ENOTCONN)
"""Error numbers of a path that is forbidden, cannot be resolved, or lies on a failed disk or mount."""


_LONGEST = 300
"""Most characters of another library's message that are shown."""


class KwsdError(Exception):
    """Something that the operator has to know; its text says what happened and what to do about it.

    `what` and `remedy` hold the two parts; the remedy is "" where none is known or none is needed.
    """

    exit_status: ClassVar[int] = 70

    def __init__(self, what: str, remedy: str = "") -> None:
        """The text joins the two with a colon, or with the semicolon that `what` ends with."""
        super().__init__(what, remedy)  # copying and pickling make the error anew from these
        self.what = what.removesuffix(";") if remedy else what
        self.remedy = remedy
        self._joint = " " if what.endswith(";") else ": "

    def __str__(self) -> str:
        return f"{self.args[0]}{self._joint}{self.remedy}" if self.remedy else self.what


class Interrupted(KwsdError):
    """The user pressed Ctrl-C, and the work so far is kept: continue as the text says."""

    exit_status = 130


class UsageError(KwsdError):
    """The command line asks for something unknown or impossible, or contradicts itself: read the help and retry."""

    exit_status = 2


class InputError(KwsdError):
    """A recording, a folder or a pipe cannot be read: name another, or repair it."""

    exit_status = 66


class OutputError(KwsdError):
    """A file or a folder cannot be written, for a reason other than lack of space: name another place."""

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
    """Turn an OSError from writing to `path` into a DeviceError where there is no space, else into an OutputError."""
    try:
        yield
    except OSError as error:
        what = f"{path}: cannot be written ({error.strerror or error})"
        if error.errno in NO_ROOM:
            raise DeviceError(what, "make room, or write elsewhere") from error
        raise OutputError(what, "name another place") from error


def out_of_reach(error: BaseException) -> str:
    """The path that is forbidden or out of reach, and why, as text; "" for any other error."""
    if isinstance(error, OSError) and error.errno in _OUT_OF_REACH and error.filename:
        return f"{error.filename}: {error.strerror}"
    return ""


def is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C caused the error: a library that is being imported may turn it into an error of its own.

    One written in C raises it as the cause of an ImportError; one in Python may fail at its own `except`."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error is not None
    importing = isinstance(error, (ImportError, NameError))
    return is_interrupt(error.__cause__ or (error.__context__ if importing else None))


def lacks_packages(what: str, error: ImportError, extra: str = "") -> DeviceError:
    """The error for work that needs packages which are not installed: those of an `extra`, or kwsd's own.

    The remedy names this interpreter's pip, since another one might serve an environment without kwsd.
    """
    wanted = f"'kwsd[{extra}]'" if extra else "kwsd"
    return DeviceError(f"{what} ({error})", f"{shlex.quote(sys.executable)} -m pip install {wanted}")


@contextmanager
def importing_torch(what: str, extra: str = "") -> Iterator[None]:
    """Wrap the first import of torch, and of what comes with it; `what` and `extra` are those of `lacks_packages`.

    Raises DeviceError where they are missing, and FileNotFoundError where the current folder is gone, in which torch's
    libraries would end the process.
    """
    Path.cwd()
    try:
        yield
    except ImportError as error:
        raise lacks_packages(what, error, extra) from error


def first_line(why: object) -> str:
    """The first line of another library's error; the name of its class where it has no text.

    A line that ends with a colon is joined with the next; a long one, such as a list of all known values, is cut.
    """
    lines = str(why).strip().splitlines()
    line = lines[0] if lines else type(why).__name__
    if line.endswith(":"):
        line = " ".join(map(str.strip, lines[:2]))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"

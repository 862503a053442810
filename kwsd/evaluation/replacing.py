"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kwsd.errors import DeviceError, InputError, KwsdError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once all is written; the folder is made.

    Where that fails, `path` stays as it was, and nothing else is left.

    Raises:
        InputError: it cannot be written there.
        DeviceError: there is no room.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file, _removed_on_failure(part):
            yield file
            file.flush()  # what is still held back fails here, not when it is closed
            part.replace(path)
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: Path, error: OSError) -> KwsdError:
    """What to tell of a file that cannot be written."""
    what = f"{path}: cannot be written ({error.strerror or error})"
    if error.errno in _NO_ROOM:
        return DeviceError(what, "make room, or write elsewhere")
    return InputError(what, "name another place")


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise

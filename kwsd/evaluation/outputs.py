"""Files that somebody wants to have, with an error that says what to do where they cannot be written."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kwsd.errors import DeviceError, InputError, KwsdError
from kwsd.replacing import replacing

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def output(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once all is written, or leaves it as it was; the folder is made.

    Raises:
        InputError: it cannot be written there.
        DeviceError: there is no room.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            yield file
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: Path, error: OSError) -> KwsdError:
    """What to tell of a file that cannot be written."""
    what = f"{path}: cannot be written ({error.strerror or error})"
    if error.errno in _NO_ROOM:
        return DeviceError(what, "make room, or write elsewhere")
    return InputError(what, "name another place")

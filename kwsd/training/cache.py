"""Writes cached files that take long to compute: decoded recordings, and a teacher's features of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kwsd.errors import writing
from kwsd.replacing import replacing


@contextmanager
def caching(place: Path) -> Iterator[BinaryIO]:
    """Open a new file that replaces `place` once it is complete.

    Concurrent runs that make the same file do not disturb each other: each writes a part of its own, named after the
    machine and the process. Parts of killed runs are removed. The file is written rather than memory-mapped, because on
    a full disk a map ends the process with SIGBUS. Raises DeviceError and OutputError (see `kwsd.errors.writing`).
    """
    mine = f"{place.name}.{socket.gethostname()}."
    own = place.with_name(f"{mine}{os.getpid()}")
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        for part in place.parent.glob(f"{mine}*"):
            if not _alive(part.name.removeprefix(mine).removesuffix(".part")):
                part.unlink(missing_ok=True)
        with replacing(own) as file:
            yield file
        own.replace(place)


def _alive(process: str) -> bool:
    """Whether a process with this id exists, whoever owns it."""
    with suppress(PermissionError):
        try:
            os.kill(int(process), 0)
        except (ProcessLookupError, ValueError):
            return False
    return True

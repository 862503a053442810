"""Files that take long to make and are made once: decoded recordings, and what a teacher says of them."""

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
    """A new file that takes the place of `place` once all is written.

    Runs that make the same at once do not disturb each other: each writes a part of its own, with the machine and the
    process in its name. Parts of runs that were killed are removed. It is written, not mapped into memory: on a full
    disk a map ends the process by SIGBUS. Raises DeviceError, OutputError: see `kwsd.errors.writing`.
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
    """Whether there is a process of that number, ours or another's."""
    with suppress(PermissionError):
        try:
            os.kill(int(process), 0)
        except (ProcessLookupError, ValueError):
            return False
    return True

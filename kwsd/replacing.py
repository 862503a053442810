"""Files that are written whole or not at all, and folders that are given back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kwsd.errors import writing


@contextmanager
def replacing(path: Path, *, private: bool = False, durable: bool = False) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once all is written; `private` ones only their owner may read.

    Where that fails, or we are killed, `path` stays as it was; what was written lies beside it under its name with
    ".part", and is removed unless we are killed. After a power cut a `durable` one is whole, be it the old or the new.
    Raises OSError.
    """
    part = path.with_name(path.name + ".part")
    if private:
        part.unlink(missing_ok=True)  # of a killed one, which may have had another mode
    mode, only_new = (0o600, os.O_EXCL) if private else (0o666, os.O_TRUNC)
    made = os.open(part, os.O_WRONLY | os.O_CREAT | only_new | os.O_CLOEXEC, mode)
    with os.fdopen(made, "wb") as file, _removed_on_failure(part):
        yield file
        file.flush()  # what is still held back fails here, not when it is closed
        if durable:
            os.fsync(file.fileno())
        part.replace(path)


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):  # what has gone wrong with the disk may go wrong here as well
            part.unlink()
        raise


def try_folder(folder: Path) -> None:
    """Make the folder, unless it is there, and write into it: rather now than after hours of work.

    Raises OutputError where nothing can be written into it, DeviceError where there is no room.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"0")


def write_bytes(path: Path, data: bytes) -> None:
    """`data` as the whole of a file, or what it was before. Raises OSError."""
    with replacing(path) as file:
        file.write(data)


def missing(folder: Path) -> list[Path]:
    """The folder and those above it that are not there yet, the innermost first; none where nobody can tell."""
    try:
        return [place for place in (folder, *folder.parents) if not place.exists()]
    except OSError:
        return []


def give_back(made: Iterable[Path]) -> None:
    """Remove folders that were made, the innermost first, unless somebody has put something there."""
    for folder in made:
        with suppress(OSError):
            folder.rmdir()

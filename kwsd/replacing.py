"""Files that are replaced atomically, and new folders that are removed again if they stay empty."""

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
    """A new file that replaces `path` once it is completely written; a `private` one only its owner may read.

    If that fails or the process is killed, `path` stays as it was. The data is written beside it, to its name with
    ".part" appended; that file is removed unless the process is killed. With `durable`, `path` is complete even after
    a power cut, with either the old or the new content. Raises OSError.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)  # left by a killed process, perhaps with another mode; or somebody's link or pipe
    made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666)
    with os.fdopen(made, "wb") as file, _removed_on_failure(part):
        yield file
        file.flush()  # an error of buffered data is raised here, not on close
        if durable:
            os.fsync(file.fileno())
        part.replace(path)


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):  # the fault of the disk that led here may make this fail, too
            part.unlink()
        raise


def try_folder(folder: Path) -> None:
    """Create the folder if it is missing and write into it, to fail now rather than after hours of work.

    Raises OutputError where nothing can be written into it, DeviceError where there is no room.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"0")


def try_new_folder(folder: Path) -> None:
    """As `try_folder`, but what it creates is removed again."""
    made = missing(folder)
    try:
        try_folder(folder)
    finally:
        give_back(made)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the content of a file by `data`; where that fails, the file stays as it was. Raises OSError."""
    with replacing(path) as file:
        file.write(data)


def missing(folder: Path) -> list[Path]:
    """The folder and its parents that do not exist yet, the innermost first; none where that cannot be found out."""
    try:
        return [place for place in (folder, *folder.parents) if not place.exists()]
    except OSError:
        return []


def give_back(made: Iterable[Path]) -> None:
    """Remove the folders `made`, given the innermost first, but for those that something has been put into."""
    for folder in made:
        with suppress(OSError):
            folder.rmdir()

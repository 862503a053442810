"""The files of the Hub's cache: each lies under its checksum, and gets there only once that is right.

What arrives is kept beside them under a name of its own. So nothing damaged is ever seen by whoever else uses the
cache, and what was broken off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from kwsd.cards.hub import HubId
from kwsd.errors import ModelError

_PART = ".kwsd-part"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the Hub lists it. `digest` is a SHA-256 (64 digits), or git's SHA-1 of a small file (40)."""

    name: str
    size: int
    digest: str


def arrived(file: HubFile, blobs: Path) -> int:
    """The bytes of a file that an earlier pull left unfinished."""
    part = blobs / (file.digest + _PART)
    return part.stat().st_size if part.exists() else 0


def fetch(wanted: HubId, commit: str, file: HubFile, blobs: Path, count: Callable[[int], None]) -> None:
    """Add what is missing to the file's part; make it one of the cache's files once it is whole and right.

    `count` is told how much of it is here.

    Raises:
        ModelError: it came damaged. Others are huggingface_hub's, and OSError.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented, but not told to type checkers
        build_hf_headers,
        disable_progress_bars,
    )

    part = blobs / (file.digest + _PART)
    here = arrived(file, blobs)
    if here > file.size:
        part.unlink()
        here = 0
    disable_progress_bars()
    url = f"{constants.ENDPOINT}/{wanted.repo}/resolve/{quote(commit, safe='')}/{quote(file.name)}"
    with part.open("ab") as out:
        counting: Any = _Counting(out, count)
        http_get(url, counting, resume_size=here, headers=build_hf_headers(), expected_size=file.size)
        out.flush()
        os.fsync(out.fileno())
    if _digest(part, file) != file.digest:
        part.unlink()
        raise ModelError(
            f"{wanted}: {file.name} came damaged, its checksum is not the one that the Hub lists; it was thrown away: "
            "pull again"
        )
    os.replace(part, blobs / file.digest)


def is_right(blob: Path, file: HubFile) -> bool:
    """Whether the cache has the file, whole; a damaged one is thrown away."""
    if not blob.exists():
        return False
    if _digest(blob, file) == file.digest:
        return True
    blob.unlink()
    return False


def _digest(path: Path, file: HubFile) -> str:
    """The file's SHA-256, or the SHA-1 under which git would keep it."""
    if len(file.digest) == 64:
        found = hashlib.sha256()
    else:
        found = hashlib.sha1(usedforsecurity=False)
        found.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as data:
        while block := data.read(_CHUNK):
            found.update(block)
    return found.hexdigest()


class _Counting:
    """A file that tells how much of it is written."""

    def __init__(self, file: BinaryIO, count: Callable[[int], None]) -> None:
        self._file, self._count = file, count

    def write(self, data: bytes) -> int:
        written = self._file.write(data)
        self._count(self._file.tell())
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

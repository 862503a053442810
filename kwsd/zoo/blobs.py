"""The files of the Hub's cache: each is stored under its checksum, and only once that is verified.

Until then, a download is kept beside them under another name. So other users of the cache never see a damaged file, and
an interrupted download can be resumed.
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
    """The number of bytes that an unfinished earlier pull has left of a file."""
    part = blobs / (file.digest + _PART)
    return part.stat().st_size if part.exists() else 0


def fetch(wanted: HubId, commit: str, file: HubFile, blobs: Path, count: Callable[[int], None]) -> None:
    """Download the rest of a file, verify it, and move it to its place in the cache.

    `count` is called with the number of its bytes that are here.

    Raises:
        ModelError: it arrived damaged. Other errors are huggingface_hub's, and OSError.
    """
    from huggingface_hub import constants, errors
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
        try:
            http_get(url, counting, resume_size=here, headers=build_hf_headers(), expected_size=file.size)
        except OSError as error:
            if error.errno is not None or isinstance(error, errors.HTTPError):  # type: ignore[attr-defined]  # httpx's
                raise
            # Otherwise the answer was whole, but not of the file's size: a network's sign-in page, which is no part.
        out.flush()
        os.fsync(out.fileno())
    if _digest(part, file) != file.digest:
        part.unlink()
        raise ModelError(
            f"{wanted}: {file.name} arrived damaged (its checksum differs from the Hub's) and was deleted;",
            "pull again",
        )
    os.replace(part, blobs / file.digest)


def is_right(blob: Path, file: HubFile) -> bool:
    """Whether the cache has the whole file; a damaged one is removed."""
    if not blob.exists():
        return False
    if _digest(blob, file) == file.digest:
        return True
    blob.unlink()
    return False


def _digest(path: Path, file: HubFile) -> str:
    """The file's SHA-256 or, for a digest of git's, its SHA-1 as a git blob."""
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
    """Wraps a file and calls `count` with the bytes in it after every write."""

    def __init__(self, file: BinaryIO, count: Callable[[int], None]) -> None:
        self._file, self._count = file, count

    def write(self, data: bytes) -> int:
        written = self._file.write(data)
        self._count(self._file.tell())
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

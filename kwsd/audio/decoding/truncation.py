"""Whether a recording ends before its own headers say: a download that broke off, a disk that ran full.

libsndfile takes what is there for all there is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from kwsd.audio.decoding.chunks import present_fraction

LEAST_S = 0.05
"""What may be missing without a word: padding that some programs count and some do not."""
_OGG_PAGE = 27 + 255 + 255 * 255  # at most


class ExpectedLength:
    """How long a recording is by its own headers. They are looked at before it is read: it may shrink meanwhile."""

    def __init__(self, path: Path, kind: str, counted_s: float) -> None:
        """It is of libsndfile's format `kind`, and of `counted_s` seconds by what libsndfile says."""
        self._path, self._kind = path, kind
        self._promised_s, self._fault = counted_s, ""
        try:
            with path.open("rb") as file:
                self._promised_s /= present_fraction(file)
        except OSError as error:  # it was there a moment ago
            self._fault = _unseen(error)

    def broken(self, there_s: float) -> str:
        """What to say of it once it has been read, and held `there_s` seconds: empty for a whole one."""
        try:
            return self._fault or self._broken(there_s)
        except OSError as error:
            return _unseen(error)

    def _broken(self, there_s: float) -> str:
        with self._path.open("rb") as file:
            if self._kind == "OGG" and not _ends_an_ogg(file):
                return f"ends after {there_s:.1f} s without an end of its stream"
            if self._kind == "MP3" and not _counts_its_frames(file):
                return ""  # what is promised is guessed from the first bit rate
        if self._promised_s - there_s < LEAST_S:
            return ""
        return f"ends before its header says, after {there_s:.1f} of {self._promised_s:.1f} s"


def _unseen(error: OSError) -> str:
    return f"cannot be looked at again ({error.strerror or error})"


def _ends_an_ogg(file: BinaryIO) -> bool:
    """Whether the last page is whole and says that it is the last one."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - _OGG_PAGE))
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return bool(page[5] & 4) and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def _counts_its_frames(file: BinaryIO) -> bool:
    """Whether an MP3 says in its first frame how many there are."""
    head = file.read(10)
    if head[:3] == b"ID3" and len(head) == 10:
        size = 0
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
    else:
        file.seek(0)
    first = file.read(2048)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))

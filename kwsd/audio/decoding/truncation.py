"""Detects a recording that ends before its own headers say, such as a broken download or one on a full disk.

libsndfile takes the data that is there for all of the recording.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from kwsd.audio.decoding.chunks import present_fraction, surplus

LEAST_S = 0.05
"""Seconds that may be missing without a warning: padding that some programs count and some do not."""
_OGG_PAGE = 27 + 255 + 255 * 255  # at most


class ExpectedLength:
    """The length of a recording by its own headers, read before its samples, as the file may shrink meanwhile."""

    def __init__(self, path: Path, kind: str, counted_s: float) -> None:
        """`kind` is libsndfile's name of the format, `counted_s` the length in seconds that libsndfile reports."""
        self._path, self._kind = path, kind
        self._promised_s, self._fault = counted_s, ""
        self.beyond_s = 0.0
        """Seconds of data after what the header counts, which libsndfile does not read."""
        try:
            with path.open("rb") as file:
                self._promised_s /= present_fraction(file)
                self.beyond_s = counted_s * surplus(file)
        except OSError as error:  # it was there a moment ago
            self._fault = _unseen(error)

    def broken(self, there_s: float) -> str:
        """The warning for a recording of which `there_s` seconds could be read; empty if it is complete."""
        try:
            return self._fault or self._broken(there_s)
        except OSError as error:
            return _unseen(error)

    def _broken(self, there_s: float) -> str:
        with self._path.open("rb") as file:
            if self._kind == "OGG" and not _ends_an_ogg(file):
                return f"ends after {there_s:.1f} s without an end of its stream"
            if self._kind == "MP3" and not _counts_its_frames(file):
                return ""  # the expected length is only a guess from the first bit rate
        if self._promised_s - there_s < LEAST_S:
            return ""
        return f"ends before its header says, after {there_s:.1f} of {self._promised_s:.1f} s"


def _unseen(error: OSError) -> str:
    return f"cannot be looked at again ({error.strerror or error})"


def _ends_an_ogg(file: BinaryIO) -> bool:
    """Whether the file's last Ogg page is complete and marked as the end of the stream."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - _OGG_PAGE))
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return bool(page[5] & 4) and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def _counts_its_frames(file: BinaryIO) -> bool:
    """Whether the first frame of an MP3 says how many frames there are (a Xing, Info or VBRI header)."""
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

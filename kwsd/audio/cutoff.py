"""Whether a recording ends before its own headers say: a download that broke off, a disk that ran full.

libsndfile takes what is there for all there is.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

LEAST_S = 0.05
"""What may be missing without a word: padding that some programs count and some do not."""
_UNKNOWN = 0x7FFF_0000
"""A WAV's size that promises nothing, from here on: written by what cannot know it yet (arecord, ffmpeg, sox)."""
_OGG_PAGE = 27 + 255 + 255 * 255  # at most


def missing(path: Path, kind: str, there_s: float, promised_s: float) -> str:
    """What to say of a recording of libsndfile's format `kind` that is cut off, empty for a whole one.

    It held `there_s` seconds, and `promised_s` by what libsndfile says. Raises OSError.
    """
    with path.open("rb") as file:
        if kind in ("WAV", "WAVEX", "AIFF"):
            promised_s = max(promised_s, there_s / _share(file, ">" if kind == "AIFF" else "<"))
        elif kind == "OGG" and not _ends_an_ogg(file):
            return f"ends after {there_s:.1f} s without an end of its stream"
        elif kind == "MP3" and not _counts_its_frames(file):
            return ""  # what is promised is guessed from the first bit rate
    if promised_s - there_s < LEAST_S:
        return ""
    return f"ends before its header says, after {there_s:.1f} of {promised_s:.1f} s"


def _share(file: BinaryIO, order: str) -> float:
    """How much of the chunk with the samples is there, above 0, at most 1; 1 where that cannot be told."""
    size = os.fstat(file.fileno()).st_size
    at = 12
    while at + 8 < size:
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        at += 8
        if name in (b"data", b"SSND"):
            return 1.0 if length >= _UNKNOWN else min(1.0, (size - at) / max(1, length))
        at += length + length % 2
    return 1.0


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

"""What a WAV file that somebody pipes says before its samples."""

from __future__ import annotations

import struct
from typing import NamedTuple

from kwsd.samples import RATE

_MOST = 1 << 20
"""Bytes of notes before the samples at most: a live pipe would have to bring them first."""
_FORMAT = struct.Struct("<HHIIHH")
_TAG = struct.Struct("<H")
_PCM, _EXTENSIBLE = 1, 0xFFFE
_TAG_AT = 24
"""Where an extensible format's chunk says of which kind the samples are."""
_WANTED = (1, RATE, 2 * RATE, 2, 16)  # channels, Hz, bytes a second and a sample, bits
UNKNOWN_BYTES = 0x7FFF_0000
"""A size in 32 bits that promises nothing, from here on: written by what cannot know it yet (arecord, ffmpeg, sox)."""
ELSEWHERE = 0xFFFF_FFFF
"""An RF64's size of samples, which stands in its chunk "ds64"."""
_SIZES = struct.Struct("<QQ")  # of the file, and of the samples
_CHUNK = struct.Struct("<4sI")


class Header(NamedTuple):
    """The bytes before the samples, and how many bytes of these there are; None where the writer did not know."""

    size: int
    samples: int | None = None


def is_wav(head: bytes) -> bool:
    """Whether a RIFF file begins so."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


def wav_header(head: bytes, *, ended: bool = False) -> Header | None:
    """The header of a RIFF file of 16 kHz, mono, 16 bits; None: it does not end in these bytes, and there are more to
    come; if it has `ended`, it is all that there is.

    Chunks may stand in any order, the format's before the samples (Microsoft's "Multimedia Programming Interface and
    Data Specifications 1.0"). Raises ValueError for other samples, or where the notes before them do not end.
    """
    at, known, elsewhere = 12, False, 0
    while len(head) >= at + _CHUNK.size:
        kind, size = _CHUNK.unpack_from(head, at)
        if kind == b"data":
            if not known:
                raise ValueError("samples before their format")
            if size == ELSEWHERE and elsewhere:
                return Header(at + _CHUNK.size, elsewhere)
            return Header(at + _CHUNK.size, None if size == 0 or size >= UNKNOWN_BYTES else size)
        begin = at + _CHUNK.size
        end = begin + size + size % 2
        if end > _MOST:
            raise ValueError(f"{end} bytes before the samples")
        if kind == b"ds64" and size >= _SIZES.size and len(head) >= end:
            _, elsewhere = _SIZES.unpack_from(head, begin)
        if kind == b"fmt " and len(head) >= end:
            if not _is_wanted(head[begin:end]):
                raise ValueError("samples of another kind")
            known = True
        at = end
    return Header(len(head)) if ended else None


def next_header(head: bytes, *, ended: bool = False) -> Header | None:
    """What stands between the samples of one WAV file and those of the next, or of whatever follows it; None: tell me
    when there is more. `ended`: there will be no more.

    Chunks of notes have no samples after them. What is none goes on as samples: who wrote the header was wrong.
    Raises ValueError for a file of other samples.
    """
    if len(head) < 12:
        return Header(len(head)) if ended else None
    if is_wav(head):
        return wav_header(head, ended=ended)
    kind, size = _CHUNK.unpack_from(head)
    end = _CHUNK.size + size + size % 2
    if not all(0x20 <= letter < 0x7F for letter in kind) or end > _MOST:
        return Header(0)
    return Header(min(end, len(head)), 0) if len(head) >= end or ended else None


def _is_wanted(chunk: bytes) -> bool:
    """Whether a format's chunk tells of plain PCM, mono, 16 kHz, 16 bits."""
    if len(chunk) < _FORMAT.size:
        return False
    tag, *rest = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE and len(chunk) >= _TAG_AT + _TAG.size:
        (tag,) = _TAG.unpack_from(chunk, _TAG_AT)
    return tag == _PCM and tuple(rest) == _WANTED

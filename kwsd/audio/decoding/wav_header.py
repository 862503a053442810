"""Parses the header of a WAV file that is piped to kwsd."""

from __future__ import annotations

import struct
from typing import NamedTuple

from kwsd.samples import RATE

_MOST = 1 << 20
"""Most bytes of chunks before the samples: a live pipe would have to deliver them first."""
_FORMAT = struct.Struct("<HHIIHH")
_TAG = struct.Struct("<H")
_PCM, _EXTENSIBLE = 1, 0xFFFE
_TAG_AT = 24
"""Offset of the sample format's tag (PCM or other) in the chunk of an extensible format."""
_WANTED = (1, RATE, 2 * RATE, 2, 16)  # channels, Hz, bytes a second and a sample, bits
UNKNOWN_BYTES = 0x7FFF_0000
"""A 32-bit size of at least this is a placeholder, by a writer that cannot know it yet (arecord, ffmpeg, sox)."""
ELSEWHERE = 0xFFFF_FFFF
"""The size of an RF64's samples where the true one stands in its "ds64" chunk."""
_SIZES = struct.Struct("<QQ")  # of the file, and of the samples
_CHUNK = struct.Struct("<4sI")


class Header(NamedTuple):
    """The size of a header, and of the samples after it, in bytes; `samples` is None where the writer did not know."""

    size: int
    samples: int | None = None


def is_wav(head: bytes) -> bool:
    """Whether `head` is the beginning of a WAV file (RIFF or RF64)."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


def wav_header(head: bytes, *, ended: bool = False) -> Header | None:
    """The header of a WAV file of 16 kHz, mono, 16 bits; None if it goes on beyond `head`.

    With `ended`, no more bytes will come, and all of `head` counts as header. Chunks may stand in any order, but the
    format's before the samples (Microsoft's "Multimedia Programming Interface and Data Specifications 1.0"). Raises
    ValueError for samples of another format, before their format chunk, or after more than `_MOST` bytes.
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
    """The header that follows the samples of a WAV file: a chunk of notes, or the next file's; None if more is needed.

    With `ended`, no more bytes will come. A chunk of notes counts as a header with 0 bytes of samples. Bytes that are
    no chunk are taken for further samples, as the size in the first header was wrong. Raises ValueError for a WAV file
    whose samples have another format.
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
    """Whether a format chunk describes plain PCM, 16 kHz, mono, 16 bits."""
    if len(chunk) < _FORMAT.size:
        return False
    tag, *rest = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE and len(chunk) >= _TAG_AT + _TAG.size:
        (tag,) = _TAG.unpack_from(chunk, _TAG_AT)
    return tag == _PCM and tuple(rest) == _WANTED

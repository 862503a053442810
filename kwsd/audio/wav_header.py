"""What a WAV file that somebody pipes says before its samples."""

from __future__ import annotations

import struct
from typing import NamedTuple

from kwsd.events import RATE

_MOST = 1 << 20
"""Bytes of notes before the samples at most: a live pipe would have to bring them first."""
_FORMAT = struct.Struct("<HHIIHH")
_TAG = struct.Struct("<H")
_PCM, _EXTENSIBLE = 1, 0xFFFE
_TAG_AT = 24
"""Where an extensible format's chunk says of which kind the samples are."""
_WANTED = (1, RATE, 2 * RATE, 2, 16)  # channels, Hz, bytes a second and a sample, bits
_UNKNOWN = (0, 0xFFFFFFFF)


class Header(NamedTuple):
    """The bytes before the samples, and how many bytes of these there are; None where the writer did not know."""

    size: int
    samples: int | None = None


def wav_header(head: bytes) -> Header | None:
    """The header of a RIFF file of 16 kHz, mono, 16 bits; None: it does not end in these bytes.

    Chunks may stand in any order, the format's before the samples (Microsoft's "Multimedia Programming Interface and
    Data Specifications 1.0"). Raises ValueError for other samples, or where the notes before them do not end.
    """
    at, known = 12, False
    while len(head) >= at + 8:
        kind, size = struct.unpack_from("<4sI", head, at)
        if kind == b"data":
            if not known:
                raise ValueError("samples before their format")
            return Header(at + 8, None if size in _UNKNOWN else size)
        end = at + 8 + size + size % 2
        if end > _MOST:
            raise ValueError(f"{end} bytes before the samples")
        if kind == b"fmt " and len(head) >= end:
            if not _is_wanted(head[at + 8 : end]):
                raise ValueError("samples of another kind")
            known = True
        at = end
    return None


def _is_wanted(chunk: bytes) -> bool:
    """Whether a format's chunk tells of plain PCM, mono, 16 kHz, 16 bits."""
    if len(chunk) < _FORMAT.size:
        return False
    tag, *rest = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE and len(chunk) >= _TAG_AT + _TAG.size:
        (tag,) = _TAG.unpack_from(chunk, _TAG_AT)
    return tag == _PCM and tuple(rest) == _WANTED

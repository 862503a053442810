"""How much of the sample data that a recording's own headers announce is present."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, NamedTuple

from kwsd.audio.decoding.wav_header import ELSEWHERE, UNKNOWN_BYTES

_UNKNOWN_64 = 1 << 62
"""A 64-bit size of at least this means that the size is unknown."""
_MOST = 1000
"""Most chunks before the samples; a file with more is damaged."""
_MUCH = 1 << 20
"""Fewest bytes after the samples that may be further ones: some programs leave a few there."""


class _Layout(NamedTuple):
    """A format's chunks: where the first begins, the header of each, and how its length counts.

    The data is padded to a multiple of `step` bytes; the length includes `counted` bytes of the header.
    """

    first: int
    header: struct.Struct
    step: int = 2
    counted: int = 0


_LAYOUTS = {
    b"RIFF": _Layout(12, struct.Struct("<4sI")),
    b"RIFX": _Layout(12, struct.Struct(">4sI")),
    b"RF64": _Layout(12, struct.Struct("<4sI")),
    b"FORM": _Layout(12, struct.Struct(">4sI")),
    b"riff": _Layout(40, struct.Struct("<16sQ"), step=8, counted=24),  # Wave64: names are GUIDs
}
_AU = {b".snd": struct.Struct(">II"), b"dns.": struct.Struct("<II")}


class _Samples(NamedTuple):
    """Where the samples begin in a file, and their size in bytes, which is not known if it is at least `unknown`."""

    at: int
    length: int
    unknown: int


def present_fraction(file: BinaryIO) -> float:
    """The fraction of the samples of a WAV, AIFF, RF64, Wave64 or AU file that is present, in (0, 1]; 1 if unknown.

    Raises OSError.
    """
    size = os.fstat(file.fileno()).st_size
    found = _samples(file, size)
    return 1.0 if found is None else _share(size - found.at, found.length, found.unknown)


def surplus(file: BinaryIO) -> float:
    """How much longer than its header says a WAV or RF64 file goes on, as a share of that length; 0.0 if it does not.

    Notes may follow the samples. Further samples do where a size of 32 bits was too small, or was not filled in at the
    end. Raises OSError.
    """
    file.seek(0)
    if file.read(4) not in (b"RIFF", b"RF64"):
        return 0.0
    file.seek(0)
    size = os.fstat(file.fileno()).st_size
    found = _samples(file, size)
    if found is None or not found.length:
        return 0.0
    end = found.at + found.length
    if size - end < _MUCH:
        return 0.0
    file.seek(end)
    notes = all(0x20 <= letter < 0x7F for letter in file.read(5)[found.length % 2 :][:4])
    return 0.0 if notes else (size - end) / found.length


def _samples(file: BinaryIO, size: int) -> _Samples | None:
    """Where an open file's header says that its samples are; None for one that does not say."""
    kind = file.read(4)
    if kind in _AU:
        head = file.read(8)
        if len(head) < 8:
            return None
        at, length = _AU[kind].unpack(head)
        return _Samples(at, length, UNKNOWN_BYTES)
    return _samples_chunk(file, size, _LAYOUTS[kind]) if kind in _LAYOUTS else None


def _samples_chunk(file: BinaryIO, size: int, layout: _Layout) -> _Samples | None:
    at, unknown, elsewhere = layout.first, _UNKNOWN_64 if layout.counted else UNKNOWN_BYTES, 0
    for _ in range(_MOST):
        if at + layout.header.size >= size:
            break
        file.seek(at)
        head = file.read(layout.header.size)
        if len(head) < layout.header.size:  # it has shrunk meanwhile
            break
        name, length = layout.header.unpack(head)
        at += layout.header.size
        length = max(0, length - layout.counted)
        if name[:4] in (b"data", b"SSND"):
            if length == ELSEWHERE and elsewhere:
                return _Samples(at, elsewhere, _UNKNOWN_64)
            return _Samples(at, length, unknown)
        if name == b"ds64" and len(sizes := file.read(16)) == 16:
            _, elsewhere = struct.unpack("<QQ", sizes)
        at += length + -length % layout.step
    return None


def _share(there: int, promised: int, unknown: int) -> float:
    return 1.0 if promised >= unknown or there <= 0 else min(1.0, there / max(1, promised))

"""What the process that captures says to the daemon, through a pipe: messages of a header and a payload."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

FOUND, AUDIO, FAILED, FAULT, LOG = b"F", b"A", b"E", b"X", b"L"
"""The device's name; 16 kHz mono as int16 in this machine's byte order; why the device gives none; what nobody foresaw;
a line for the log, its level in the first two characters."""
_KINDS = (FOUND, AUDIO, FAILED, FAULT, LOG)

LONGEST = 1 << 20
"""Bytes of a payload. A longer one can but mean that the two have lost each other's thread."""

_HEADER = struct.Struct("<cIQ")


@dataclass(frozen=True, slots=True)
class Message:
    """`kind` is one of the above; `lost` counts the samples that the device dropped before those of the payload."""

    kind: bytes
    payload: bytes = b""
    lost: int = 0

    def pack(self) -> bytes:
        """The message as it goes through the pipe."""
        return _HEADER.pack(self.kind, len(self.payload), self.lost) + self.payload

    @property
    def text(self) -> str:
        """The payload of all kinds but AUDIO."""
        return self.payload.decode("utf-8", "replace")


class Unpacker:
    """Turns bytes, cut anywhere, into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole by now. Raises ValueError for what can be none."""
        self._rest += data
        while len(self._rest) >= _HEADER.size:
            kind, length, lost = _HEADER.unpack_from(self._rest)
            if kind not in _KINDS or length > LONGEST or (kind == AUDIO and length % 2):
                raise ValueError(f"no message begins with {self._rest[: _HEADER.size]!r}")
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            message = Message(kind, self._rest[_HEADER.size : end], lost)
            self._rest = self._rest[end:]
            yield message

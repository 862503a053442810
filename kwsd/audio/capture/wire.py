"""The messages, each of a header and a payload, that the capture process sends to the daemon through a pipe."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

FOUND, AUDIO, FAILED, FAULT, LOG = b"F", b"A", b"E", b"X", b"L"
"""Kinds of messages. Their payloads: the device's name; 16 kHz mono as int16 in this machine's byte order; why the
device delivers none; an unforeseen error; a log line, with its level in the first two characters."""
_KINDS = (FOUND, AUDIO, FAILED, FAULT, LOG)

LONGEST = 1 << 20
"""Most bytes of a payload. A longer one can only mean that the two sides are out of step."""

_HEADER = struct.Struct("<cIQ")


@dataclass(frozen=True, slots=True)
class Message:
    """`kind` is one of the above; `lost` counts the samples that the device dropped before those of the payload."""

    kind: bytes
    payload: bytes = b""
    lost: int = 0

    def pack(self) -> bytes:
        """The message as bytes for the pipe."""
        return _HEADER.pack(self.kind, len(self.payload), self.lost) + self.payload

    @property
    def text(self) -> str:
        """The payload as text, for all kinds but AUDIO."""
        return self.payload.decode("utf-8", "replace")


class Unpacker:
    """Turns bytes, cut anywhere, into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete with `data`. Raises ValueError for bytes that cannot be a message."""
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

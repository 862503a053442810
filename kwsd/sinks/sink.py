"""The interface of an event sink, and the encoding of events."""

from __future__ import annotations

from typing import Protocol

from kwsd.envelope import Envelope


class Sink(Protocol):
    """A receiver of events that never makes the sender wait."""

    def send(self, envelope: Envelope) -> None:
        """Take one event and return at once; called from any thread, but never from two at a time."""


def encode(envelope: Envelope) -> bytes:
    """The event's JSON line in UTF-8, line feed included.

    A stream may be named after a file whose name is not UTF-8; such bytes become JSON's \\udcXX escapes.
    """
    return envelope.to_json().encode("utf-8", "backslashreplace") + b"\n"

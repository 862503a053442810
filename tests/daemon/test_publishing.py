"""Numbering, order, and many threads."""

from __future__ import annotations

import threading

import pytest

from kwsd.daemon.publishing import Publisher
from kwsd.envelope import Envelope
from kwsd.events import SpeechStarted


class Memory:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    def send(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    def close(self, deadline_s: float) -> None:
        """Nothing to release."""


def test_every_sink_gets_every_event_under_the_same_number() -> None:
    publish, one, other = Publisher(), Memory(), Memory()
    publish.add(one, other)
    publish(SpeechStarted("desk", 0))
    publish(SpeechStarted("desk", 1))
    assert [envelope.sequence for envelope in one.envelopes] == [1, 2]
    assert one.envelopes == other.envelopes


def test_a_sink_gets_one_event_at_a_time() -> None:
    publish, memory = Publisher(), Memory()

    class Slow(Memory):
        def send(self, envelope: Envelope) -> None:
            if envelope.sequence == 1:
                other.start()
                other.join(0.1)
                assert other.is_alive()
            super().send(envelope)

    other = threading.Thread(target=publish, args=(SpeechStarted("desk", 1),))
    slow = Slow()
    publish.add(slow, memory)
    publish(SpeechStarted("desk", 0))
    other.join()
    assert [envelope.sequence for envelope in slow.envelopes] == [1, 2]
    assert slow.envelopes == memory.envelopes


def test_what_a_sink_raises_is_not_swallowed() -> None:
    class Broken(Memory):
        def send(self, envelope: Envelope) -> None:
            raise OSError(f"full at {envelope.sequence}")

    publish = Publisher()
    publish.add(Broken())
    with pytest.raises(OSError, match="full at 1"):
        publish(SpeechStarted("desk", 0))

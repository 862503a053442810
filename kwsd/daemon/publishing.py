"""Numbers events and passes them to the sinks."""

from __future__ import annotations

import threading

from kwsd.envelope import Envelope
from kwsd.events import Event
from kwsd.sinks.sink import Sink


class Publisher:
    """Numbers and timestamps events, and sends them to all sinks, in the same order to each.

    Any thread may publish; it waits only for the sinks' `send`, which returns at once.
    """

    def __init__(self) -> None:
        self._sinks: list[Sink] = []
        self._sequence = 0
        self._lock = threading.Lock()

    def add(self, *sinks: Sink) -> None:
        """Send what is published from now on to these too, in this order."""
        with self._lock:
            self._sinks.extend(sinks)

    def __call__(self, event: Event) -> None:
        """Publish one event. Raises what a sink raises, as an output that fails must not go unnoticed."""
        with self._lock:
            self._sequence += 1
            envelope = Envelope.seal(event, self._sequence)
            for sink in self._sinks:
                sink.send(envelope)

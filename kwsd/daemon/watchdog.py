"""When systemd's watchdog is fed.

A daemon must not be deaf and look well. While it hears, the watchdog is fed as audio arrives *and* the worker gets
through it. A daemon that has lost its microphone does not look well: it has said so, in STATUS= and by `device_lost`.
To restart it would cost its socket, its subscribers and its running hooks, and bring nothing back, for a microphone
that is missing at the start is an error (69). So while all that it listens to is lost, the search feeds the watchdog,
by each attempt that came to an answer. A search that hangs or crashes starves it, and so does a worker that is stuck.
"""

from __future__ import annotations

from collections.abc import Mapping

from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.notify import Notifier
from kwsd.envelope import Envelope
from kwsd.events import DeviceLost, DeviceRestored


class Watchdog:
    """A sink, which learns of lost devices; the worker and the capture threads tell it how they get on."""

    def __init__(self, notifier: Notifier, rings: Mapping[str, Ring]) -> None:
        self._notifier, self._rings = notifier, rings
        self._lost: set[str] = set()
        self._working = False

    def send(self, envelope: Envelope) -> None:
        """Learn what is lost."""
        event = envelope.event
        if isinstance(event, DeviceLost):
            self._lost.add(event.stream)
        elif isinstance(event, DeviceRestored):
            self._lost.discard(event.stream)

    def working(self) -> None:
        """The worker takes up a batch."""
        self._working = True

    def worked(self) -> None:
        """It got through the batch."""
        self._working = False
        self._notifier.alive(sum(ring.written for ring in self._rings.values()))

    def search_failed(self) -> None:
        """A lost device was looked for, in vain."""
        deaf = all(name in self._lost or ring.state().closed for name, ring in self._rings.items())
        if deaf and not self._working:
            self._notifier.seeking()

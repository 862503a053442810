"""Decides when systemd's watchdog is fed.

A daemon that is deaf must not look healthy. While there is audio, the watchdog is fed as audio arrives *and* the worker
processes it. A daemon that has lost its microphone has reported that, in STATUS= and by `device_lost`. Restarting it
would cost its socket, its subscribers and its running hooks without bringing the microphone back, as a microphone that
is missing at the start is an error (exit status 69). So while all of its sources are lost, the loss itself and each
search that ends with an answer feed the watchdog. A search that hangs or crashes does not feed it, nor does a worker
that is stuck.
"""

from __future__ import annotations

from collections.abc import Mapping

from kwsd.audio.windowing.ring import Ring
from kwsd.daemon.notify import Notifier
from kwsd.envelope import Envelope
from kwsd.events import DeviceLost, DeviceRestored


class Watchdog:
    """A sink that keeps track of lost devices; the worker and the capture threads report their progress to it."""

    def __init__(self, notifier: Notifier, rings: Mapping[str, Ring]) -> None:
        self._notifier, self._rings = notifier, rings
        self._lost: set[str] = set()
        self._working = False

    def send(self, envelope: Envelope) -> None:
        """Note which devices are lost; feed the watchdog at a loss, as the first search after it may take long."""
        event = envelope.event
        if isinstance(event, DeviceLost):
            self._lost.add(event.stream)
            self._feed_if_deaf()
        elif isinstance(event, DeviceRestored):
            self._lost.discard(event.stream)

    def working(self) -> None:
        """Note that the worker begins a batch."""
        self._working = True

    def worked(self) -> None:
        """Note that the worker has processed the batch, and feed the watchdog if audio has arrived."""
        self._working = False
        self._notifier.alive(sum(ring.written for ring in self._rings.values()))

    def search_failed(self) -> None:
        """Feed the watchdog after a failed search for a device, if all are lost and the worker is idle."""
        self._feed_if_deaf()

    def _feed_if_deaf(self) -> None:
        deaf = all(name in self._lost or ring.state().closed for name, ring in self._rings.items())
        if deaf and not self._working:
            self._notifier.seeking()

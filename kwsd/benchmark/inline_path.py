"""The daemon's path in one thread: it takes samples and scores windows whenever the daemon would wake."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.windows import windows
from kwsd.classifier import Classifier
from kwsd.samples import RATE
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.speech_probe import SpeechProbe


class InlinePath:
    """A ring, its windows and a spotter, on the wake-up schedule of the daemon's threads, but without waiting."""

    def __init__(self, classifier: Classifier, settings: SpottingSettings) -> None:
        hop, gate = settings.hop, settings.gate_in_use
        self.spotter, self._schedule = settings.spotter(classifier), WakeSchedule(hop)
        probe = SpeechProbe(lambda: gate.aggressiveness) if gate else None
        self._ring = Ring(max(10 * RATE, 2 * settings.window), probe)
        self._ring.expect(hop)
        self._due = windows({"here": self._ring}, hop=hop, length=settings.window, schedule=self._schedule)
        self._heard = 0

    def hear(self, samples: NDArray[np.int16]) -> bool:
        """Take the next samples (n,), 10 seconds at most; returns whether the daemon would have woken."""
        self._ring.write(samples, wait=False)
        before = self._heard
        while self._ring.has_expected:
            batch = next(self._due)
            self._heard = batch[-1].end
            self.spotter.feed(batch)
            self._schedule.wake_at(self.spotter.span)
            self._ring.expect(self._schedule.next_wake(self._heard), self._schedule.last_wake(self._heard))
        return self._heard > before

"""The gate, a voice activity detector that keeps windows without speech from the classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.config import GateConfig
from kwsd.spotting.vad import StepDetector

_USUAL = GateConfig()


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How readily the gate opens and how long it stays open.

    `aggressiveness` is WebRTC's mode, 0 to 3; 3 takes the least for speech. `onset_ms` of uninterrupted speech open the
    gate; it closes `hangover_ms` after the last speech. Both are rounded up to 10 ms, even a hangover of 0.
    """

    aggressiveness: int = _USUAL.aggressiveness
    onset_ms: int = _USUAL.onset_ms
    hangover_ms: int = _USUAL.hangover_ms


class Gate:
    """One stream's gate, fed with consecutive samples in pieces of any size; its time is counted in samples alone."""

    def __init__(self, settings: GateSettings) -> None:
        self._set(settings)
        self._detector = StepDetector(settings.aggressiveness)
        self.reset()

    def reset(self) -> None:
        """Start closed, as the next samples do not follow on from the last ones.

        What the detector has learnt of the voices and the noise is kept: a new one misses soft words at first, and
        takes steady noise for speech. It may call 140 ms more speech where somebody spoke just before the gap.
        """
        self._detector.skip()
        self._spoken = 0
        self._left = 0

    def adopt(self, settings: GateSettings) -> None:
        """Go on with other settings; an open gate stays open for their hangover at most."""
        self._set(settings)
        self._left = min(self._left, self._hangover)
        self._detector.set_mode(settings.aggressiveness)

    def _set(self, settings: GateSettings) -> None:
        self._onset = -(-settings.onset_ms // 10)
        self._hangover = max(1, -(-settings.hangover_ms // 10))  # with 0 it would never open

    @property
    def is_open(self) -> bool:
        """Whether there is speech now, so that windows are worth scoring."""
        return self._left > 0

    def feed(self, samples: NDArray[np.int16]) -> bool:
        """Process the newest samples (n,) int16; True if the gate was open at any time during them."""
        opened = self.is_open
        for is_speech in self._detector.feed(samples):
            self._judge(is_speech)
            opened = opened or self.is_open
        return opened

    def _judge(self, is_speech: bool) -> None:
        """Count one 10 ms step of the detector."""
        if not is_speech:
            self._spoken = 0
            self._left = max(0, self._left - 1)
            return
        self._spoken += 1
        if self.is_open or self._spoken >= self._onset:
            self._left = self._hangover

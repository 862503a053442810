"""A check for speech by the thread that reads the audio, while the worker sleeps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kwsd.spotting.vad import StepDetector


class SpeechProbe:
    """One stream's probe. It drops nothing: the gate checks the same samples again, only later if this one is wrong."""

    def __init__(self, aggressiveness: Callable[[], int]) -> None:
        """`aggressiveness` gives the gate's, which another thread may change. Raises DeviceError as `StepDetector`."""
        self._aggressiveness, self._mode = aggressiveness, aggressiveness()
        self._detector = StepDetector(self._mode)

    def __call__(self, samples: NDArray[np.int16]) -> bool:
        """Whether the voice activity detector takes any 10 ms of the next samples (n,) int16 for speech."""
        if (mode := self._aggressiveness()) != self._mode:
            self._detector.set_mode(mode)
            self._mode = mode
        return any(self._detector.feed(samples))

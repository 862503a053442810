"""Whether anybody may be speaking, asked by the thread that brings the audio while the one that spots words sleeps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kwsd.samples import RATE
from kwsd.spotting.gate import STEP, voice_detector


class Sentry:
    """One stream's. It keeps nobody out: the gate hears the same samples again, only later where this one is wrong."""

    def __init__(self, aggressiveness: Callable[[], int]) -> None:
        """`aggressiveness` is the gate's, which another thread may change. Raises DeviceError as `voice_detector`."""
        self._aggressiveness, self._mode = aggressiveness, aggressiveness()
        self._detector = voice_detector(self._mode)
        self._rest = np.zeros(0, np.int16)

    def __call__(self, samples: NDArray[np.int16]) -> bool:
        """Whether the voice activity detector takes 10 ms of the next samples (n,) for speech."""
        if (mode := self._aggressiveness()) != self._mode:
            self._detector.set_mode(mode)
            self._mode = mode
        waiting = np.concatenate([self._rest, samples])
        whole = len(waiting) // STEP * STEP
        self._rest = waiting[whole:]
        steps = [waiting[start : start + STEP] for start in range(0, whole, STEP)]
        verdicts = [self._detector.is_speech(step.tobytes(), RATE) for step in steps]  # it learns from each
        return any(verdicts)

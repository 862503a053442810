"""Voice activity detection in steps of 10 ms; the only module that imports webrtcvad."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.errors import DeviceError
from kwsd.samples import RATE
from kwsd.spotting.floor_gain import FloorGain

STEP = RATE // 100
"""Samples (10 ms) that are classified at a time."""
_BYTES = 2 * STEP
_OLD = 1 << 30
"""Steps (124 days) after which a detector gets a successor. It counts its steps in 32 bits, and once that count has
overflowed, it no longer knows the noise: it may take all of it for speech, or miss half of the speech."""
_LEARNING = 360_000
"""Steps (an hour) that the successor hears before it takes over, so that it knows the noise and the voices by then."""


class StepDetector:
    """WebRTC's voice activity detector, fed with consecutive samples in pieces of any size, to which it adapts.

    Soft audio is amplified for it, see `kwsd.spotting.floor_gain`.
    """

    def __init__(self, aggressiveness: int) -> None:
        """`aggressiveness` is WebRTC's mode, 0 to 3; 3 takes the least for speech.

        Raises:
            DeviceError: the library is missing; without it a gate would silently stay open or shut.
        """
        try:
            import webrtcvad
        except ImportError as error:
            what = f"no voice activity detector ({error})"
            raise DeviceError(what, "pip install webrtcvad-wheels, or --no-gate") from error
        self._make, self._mode = webrtcvad.Vad, aggressiveness
        self._detector, self._gain = self._make(aggressiveness), FloorGain()
        self._successor: Any = None
        self._age = 0  # steps that the detector has heard
        self._rest = b""

    def set_mode(self, aggressiveness: int) -> None:
        """Use another mode from now on, keeping what the detector has learnt."""
        self._mode = aggressiveness
        for detector in filter(None, (self._detector, self._successor)):
            detector.set_mode(aggressiveness)

    def skip(self) -> None:
        """Drop the step that has begun, as the next samples do not follow on from the last; what was learnt stays."""
        self._rest = b""

    def feed(self, samples: NDArray[np.int16]) -> list[bool]:
        """Whether each whole step of the next samples (n,) int16 is speech; the remainder is kept for the next call."""
        waiting = self._rest + self._gain.amplify(samples).tobytes()
        whole = len(waiting) // _BYTES * _BYTES
        self._rest = waiting[whole:]
        steps = (waiting[start : start + _BYTES] for start in range(0, whole, _BYTES))
        return [self._is_speech(step) for step in steps]

    def _is_speech(self, step: bytes) -> bool:
        self._age += 1
        if self._age > _OLD:
            self._teach(step)
        found: bool = self._detector.is_speech(step, RATE)
        return found

    def _teach(self, step: bytes) -> None:
        """Let the successor hear what is heard, or take over if it has heard enough."""
        if self._successor is None:
            self._successor = self._make(self._mode)
        if self._age > _OLD + _LEARNING:
            self._detector, self._successor, self._age = self._successor, None, _LEARNING + 1
        else:
            self._successor.is_speech(step, RATE)

"""Amplifies soft audio for the voice activity detector, which was made for microphones of the usual level.

WebRTC's detector compares the energy of each band with fixed bounds and with models of voice and noise that begin at
usual levels. From a microphone with little gain, it takes clear words for noise. So audio whose noise floor is low is
amplified until the floor is at a usual level. The floor is the level of the softest tenth of a second of the last
twenty (minimum statistics, Martin 2001, "Noise power spectral density estimation"): nobody speaks for two seconds
without a pause.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from kwsd.samples import RATE

FLOOR = 8.0
"""The level, in steps of int16 (RMS), that a softer noise floor is raised to: -72 dB re full scale."""
MOST = 30
"""The highest gain: audio beyond it is closer to the rounding of its samples than to speech."""
BLOCK = RATE // 10
"""Samples whose level is taken at a time."""
_BLOCKS = 20
_LARGEST = 32767


class FloorGain:
    """One stream's gain, fed with consecutive samples in pieces of any size; the gain changes at each whole block."""

    def __init__(self) -> None:
        self._gain = 1
        self._levels: deque[float] = deque(maxlen=_BLOCKS)
        self._energy, self._left = 0.0, BLOCK

    def amplify(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """The next samples (n,) int16, amplified 1 to `MOST` times, and clipped where that is too loud."""
        if len(samples) < self._left:
            return self._amplify(samples)
        parts = []
        while len(samples):
            parts.append(self._amplify(samples[: self._left]))
            samples = samples[len(parts[-1]) :]
            if not self._left:
                self._end_block()
        return np.concatenate(parts)

    def _amplify(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Count samples of one block, and amplify them."""
        waves = samples.astype(np.float64)  # whose sums of squares are exact, whatever the pieces
        energy = float(np.dot(waves, waves))
        self._energy += energy
        self._left -= len(samples)
        if self._gain == 1 or not energy:
            return samples
        if energy * self._gain**2 <= _LARGEST**2:  # then no sample is beyond it
            return samples * np.int16(self._gain)
        return np.clip(waves * self._gain, -_LARGEST, _LARGEST).astype(np.int16)

    def _end_block(self) -> None:
        self._levels.append((self._energy / BLOCK) ** 0.5)
        self._energy, self._left = 0.0, BLOCK
        floor = min(self._levels)
        self._gain = MOST if floor * MOST <= FLOOR else max(1, int(FLOOR / floor))

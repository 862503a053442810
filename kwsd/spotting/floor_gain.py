"""Amplifies soft audio for the voice activity detector, which was made for microphones of the usual level.

WebRTC's detector compares the energy of each band with fixed bounds and with models of voice and noise that begin at
usual levels. From a microphone with little gain, it takes clear words for noise. So audio whose noise floor is low is
amplified until the floor is at a usual level. The floor is the fourth lowest level of the last twenty tenths of a
second (minimum statistics, Martin 2001, "Noise power spectral density estimation"): nobody speaks for two seconds
without pauses, and a dropout of three tenths of a second does not count. A constant offset is no sound and does not
count, but it limits the gain, so that it is not clipped.
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
_BLOCKS, _RANK = 20, 3
_ONES = np.ones(BLOCK)
_LARGEST, _FARTHEST = 32767, 8192  # of samples, and of a constant offset


class FloorGain:
    """One stream's gain, fed with consecutive samples in pieces of any size; the gain changes at each whole block."""

    def __init__(self) -> None:
        self._gain = 1
        self._levels: deque[float] = deque(maxlen=_BLOCKS)
        self._sum = self._energy = 0.0
        self._left = BLOCK

    def amplify(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """The next samples (n,) int16, amplified 1 to `MOST` times, and clipped where that is too loud."""
        if len(samples) <= self._left:
            return self._amplify(samples)
        parts = []
        while len(samples):
            parts.append(self._amplify(samples[: self._left]))
            samples = samples[len(parts[-1]) :]
        return np.concatenate(parts)

    def _amplify(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Count samples of one block, and amplify them."""
        waves = samples.astype(np.float64)  # whose sums of squares are exact, whatever the pieces
        energy = float(np.dot(waves, waves))
        self._sum += float(np.dot(waves, _ONES[: len(waves)]))  # faster than sum()
        self._energy += energy
        self._left -= len(samples)
        gain = self._gain
        if not self._left:
            self._end_block()
        if gain == 1 or not energy:
            return samples
        if energy * gain**2 <= _LARGEST**2:  # then no sample is beyond it
            return samples * np.int16(gain)
        return np.clip(waves * gain, -_LARGEST, _LARGEST).astype(np.int16)

    def _end_block(self) -> None:
        offset = self._sum / BLOCK
        self._levels.append(max(0.0, self._energy / BLOCK - offset**2) ** 0.5)
        self._sum, self._energy, self._left = 0.0, 0.0, BLOCK
        floor = sorted(self._levels)[min(_RANK, len(self._levels) - 1)]
        most = min(MOST, _FARTHEST / max(1.0, abs(offset)))
        self._gain = max(1, int(most if floor * most <= FLOOR else FLOOR / floor))

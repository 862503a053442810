"""Where in a clip the word lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = 160
"""10 ms: the resolution of an extent."""

_CLOSURE = 15
"""Steps of quiet that still belong to a word: the closure before a final stop ("eight", "stop") lasts up to 150 ms."""


def levels(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Power of each 10 ms in dB re one quantisation step, smoothed over 30 ms: (n,) -> (n // 160,) float32."""
    steps = len(samples) // _STEP
    grid = samples[: steps * _STEP].reshape(steps, _STEP).astype(np.float32)
    power = (grid * grid).mean(axis=1) if steps else np.zeros(0, np.float32)
    if steps >= 3:
        power = np.convolve(power, np.full(3, 1 / 3, np.float32), mode="same")
    decibels: NDArray[np.float32] = (10 * np.log10(power + 1.0)).astype(np.float32)
    return decibels


def speech_extent(samples: NDArray[np.int16]) -> tuple[int, int]:
    """First and last sample (exclusive) of the loudest burst of speech in `samples` (n,) int16 at 16 kHz.

    From the loudest 10 ms the extent grows both ways until the level has stayed for 150 ms under a threshold that
    lies 30 dB under the peak, or a quarter of the way from the quietest tenth up to the peak if that is higher.
    The whole of `samples` where nothing stands out.
    """
    level = levels(samples)
    if len(level) < 3:
        return 0, len(samples)
    peak = int(level.argmax())
    floor = float(np.quantile(level, 0.1))
    threshold = max(float(level[peak]) - 30.0, floor + 0.25 * (float(level[peak]) - floor))
    loud = level > threshold
    first = _grow(loud[peak::-1])
    last = _grow(loud[peak:])
    return (peak - first) * _STEP, (peak + last + 1) * _STEP


def _grow(loud: NDArray[np.bool_]) -> int:
    """Index of the last loud step before the first gap that is longer than a closure."""
    steps = np.flatnonzero(loud)
    gaps = np.flatnonzero(np.diff(steps) > _CLOSURE)
    return int(steps[gaps[0]] if len(gaps) else steps[-1]) if len(steps) else 0

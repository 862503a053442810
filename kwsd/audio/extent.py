"""Where in a clip the word lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = 160
"""10 ms: the resolution of an extent."""

_CLOSURE = 15
"""Steps of quiet that still belong to a word: the closure before a final stop ("eight", "stop") lasts up to 150 ms."""

_EMPHASIS = 0.7
"""How much of each sample is taken off the next: a vowel's low tones count less then than the hiss that ends "off"."""

_BELOW_DB = 40.0
"""How far under the peak there still is speech, if it is quiet enough around it: a final "f" or "t" is that soft."""


def levels(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Power of each 10 ms in dB re one quantisation step, smoothed over 30 ms: (n,) -> (n // 160,) float32.

    High tones count more than low ones, by pre-emphasis: y[n] = x[n] - 0.7 x[n - 1].
    """
    steps = len(samples) // _STEP
    emphasised = samples[: steps * _STEP].astype(np.float32)
    emphasised[1:] -= _EMPHASIS * emphasised[:-1]  # of what they were: the product is made first
    grid = emphasised.reshape(steps, _STEP)
    power = (grid * grid).mean(axis=1) if steps else np.zeros(0, np.float32)
    if steps >= 3:
        power = np.convolve(power, np.full(3, 1 / 3, np.float32), mode="same")
    decibels: NDArray[np.float32] = (10 * np.log10(power + 1.0)).astype(np.float32)
    return decibels


def speech_extent(samples: NDArray[np.int16]) -> tuple[int, int]:
    """First and last sample (exclusive) of the speech in `samples` (n,) int16 at 16 kHz.

    Speech is where the level lies over a threshold: 40 dB under the peak, or a quarter of the way from the quietest
    tenth up to the peak if that is higher. Quiet of over 150 ms divides it into bursts. The extent is that of the burst
    with the most decibels over the threshold, summed over its time: a click may be louder than the word beside it, but
    is shorter. The whole of `samples` where nothing stands out.
    """
    level = levels(samples)
    if len(level) < 3:
        return 0, len(samples)
    peak, floor = float(level.max()), float(np.quantile(level, 0.1))
    threshold = max(peak - _BELOW_DB, floor + 0.25 * (peak - floor))
    loud = np.flatnonzero(level > threshold)
    if not len(loud):
        return 0, len(samples)
    bursts = np.split(loud, np.flatnonzero(np.diff(loud) > _CLOSURE) + 1)
    word = max(bursts, key=lambda burst: float((level[burst] - threshold).sum()))
    return int(word[0]) * _STEP, (int(word[-1]) + 1) * _STEP

"""Finds where in a clip the word lies, and which window of a clip is scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.scale import to_float

_STEP = 160
"""10 ms: the resolution of an extent."""

_CLOSURE = 15
"""Steps of quiet that still belong to a word: the closure before a final stop ("eight", "stop") lasts up to 150 ms."""

_EMPHASIS = 0.7
"""Pre-emphasis: this part of each sample is subtracted from the next, so that the hiss that ends "off" counts more than
the low tones of a vowel."""

_BELOW_DB = 40.0
"""How far below the peak a level still counts as speech, unless noise is louder: a final "f" or "t" is that soft."""

_NOTHING_DB = 3.0
"""Up to this level it is digital silence as a codec decodes it: less than one quantisation step on average."""

_RAMP = np.linspace(-1, 1, _STEP, dtype=np.float32)
_RAMP /= np.sqrt(np.dot(_RAMP, _RAMP))
"""A line through a step, of unit length; below 20 Hz, a step of sound is little more than such a line and an offset."""

_AT_ONCE = 6000
"""Steps (a minute) that are pre-emphasised at once, to bound memory: a clip may last hours."""

_STEADY_DB, _STEADY, _SOFT_DB, _BESIDE = 6.0, 0.3, 25.0, 5
"""A room's noise stays within 6 dB for more than three tenths of the steps above digital silence, lies at least 25 dB
below the peak, and takes at least five steps on either side of it; the hiss of a word does not."""


def levels(samples: NDArray[np.int16], offset: float = 0.0, *, rumble: bool = True) -> NDArray[np.float32]:
    """Power of each 10 ms in dB re one quantisation step, smoothed over 30 ms: (n,) int16 -> (n // 160,) float32.

    `offset` is subtracted first; pre-emphasis, y[n] = x[n] - 0.7 x[n - 1], then favours high frequencies. Without
    `rumble`, the straight line that fits each step best does not count.
    """
    steps = len(samples) // _STEP
    power = np.zeros(steps, np.float32)
    for first in range(0, steps, _AT_ONCE):
        last = min(steps, first + _AT_ONCE)
        begin = max(0, first * _STEP - 1)  # with the sample before them
        emphasised = samples[begin : last * _STEP].astype(np.float32) - np.float32(offset)
        emphasised[1:] -= _EMPHASIS * emphasised[:-1]  # the product is computed first, from the original values
        if not (rumble or begin):
            emphasised[:1] *= 1 - _EMPHASIS  # as if the sample before it were the same, not a leap from zero
        grid = emphasised[first * _STEP - begin :].reshape(last - first, _STEP)
        power[first:last] = (grid * grid).mean(axis=1) if rumble else _unbent(grid)
    if steps >= 3:
        power = np.convolve(power, np.full(3, 1 / 3, np.float32), mode="same")
    decibels: NDArray[np.float32] = (10 * np.log10(power + 1.0)).astype(np.float32)
    return decibels


def _unbent(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """The power of each step (steps, 160) without the straight line that fits it best: (steps,)."""
    power: NDArray[np.float32] = np.maximum(grid.var(axis=1) - (grid @ _RAMP) ** 2 / _STEP, 0)
    return power


def speech_extent(samples: NDArray[np.int16]) -> tuple[int, int]:
    """First and last sample (exclusive) of the speech in `samples` (n,) int16 at 16 kHz.

    Speech is where the level exceeds a threshold: 40 dB below the peak, or a quarter of the way from the floor to the
    peak if that is higher. The floor is the 10th percentile of the levels; where that is digital silence but there is
    room noise as well, the level of the noise. Quiet of more than 150 ms divides speech into bursts. The extent is that
    of the burst with the largest sum of decibels over the threshold: a click may be louder than the word beside it, but
    is shorter. What rumbles below the voice does not count. Where nothing exceeds the threshold, the extent is all of
    `samples`.
    """
    over = _over_threshold(samples)
    loud = np.flatnonzero(over)
    if not len(loud):
        return 0, len(samples)
    bursts = np.split(loud, np.flatnonzero(np.diff(loud) > _CLOSURE) + 1)
    word = max(bursts, key=lambda burst: float(over[burst].sum()))
    return int(word[0]) * _STEP, (int(word[-1]) + 1) * _STEP


def speech_within(samples: NDArray[np.int16], length: int) -> tuple[int, int]:
    """First and last sample (exclusive) of the speech in the `length` samples that hold the most of it.

    It includes all bursts among them, such as both words of a phrase. All of `samples` where there is no speech.
    """
    over = _over_threshold(samples)
    if not over.any():
        return 0, len(samples)
    steps = min(max(1, length // _STEP), len(over))
    first = int(np.convolve(over, np.ones(steps, np.float32), mode="valid").argmax())
    loud = first + np.flatnonzero(over[first : first + steps])
    return int(loud[0]) * _STEP, (int(loud[-1]) + 1) * _STEP


def begin_of_speech(samples: NDArray[np.int16], length: int) -> int:
    """The first of the `length` samples of a clip (n,) that are scored; negative where the clip is shorter.

    They are centred on the clip or, where it is longer than `length`, on its speech, but stay within the clip.
    """
    if len(samples) <= length:
        return len(samples) // 2 - length // 2
    start, end = speech_within(samples, length)
    return min(max((start + end) // 2 - length // 2, 0), len(samples) - length)


def cut_window(samples: NDArray[np.int16], start: int, length: int) -> NDArray[np.float32]:
    """The `length` samples from `start` on, zeros outside the clip: (n,) int16 -> (length,) float32 in [-1, 1).

    `start` may be negative.
    """
    window = np.zeros(length, np.int16)
    first, last = max(0, start), min(len(samples), start + length)
    if last > first:
        window[first - start : last - start] = samples[first:last]
    return to_float(window)


def _over_threshold(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Decibels by which each 10 ms exceeds the threshold for speech, 0 where it does not; empty below 30 ms."""
    if len(samples) < 3 * _STEP:
        return np.zeros(0, np.float32)
    # without its DC offset, silence is zero; without rumble, neither the wind nor a table that shakes is speech
    level = levels(samples, float(np.round(np.median(samples))), rumble=False)
    peak, floor = float(level.max()), _floor(level)
    threshold = max(peak - _BELOW_DB, floor + 0.25 * (peak - floor))
    over: NDArray[np.float32] = np.maximum(level - np.float32(threshold), 0)
    return over


def _quietest_tenth(level: NDArray[np.float32]) -> float:
    """np.quantile(level, 0.1) without its import of numpy.ma, which costs 22 ms and megabytes at the first word."""
    place = 0.1 * (len(level) - 1)
    first = int(place)
    after = min(first + 1, len(level) - 1)
    ordered = np.partition(level, (first, after))
    lower, upper = float(ordered[first]), float(ordered[after])
    return lower + (upper - lower) * (place - first)


def _floor(level: NDArray[np.float32]) -> float:
    """The level of the background, in dB."""
    quiet = _quietest_tenth(level)
    heard = np.sort(level[level > _NOTHING_DB])
    if quiet > _NOTHING_DB or len(heard) < 3:
        return quiet
    near = np.searchsorted(heard, heard + _STEADY_DB) - np.arange(len(heard))  # how many lie within 6 dB above each
    near[heard > heard[-1] - _SOFT_DB] = 0
    steadiest = int(near.argmax())
    noise = float(heard[steadiest])
    where, peak = np.flatnonzero((level >= noise) & (level < noise + _STEADY_DB)), int(level.argmax())
    beside = min(int((where < peak).sum()), int((where > peak).sum()))
    return noise if near[steadiest] > _STEADY * len(heard) and beside >= _BESIDE else quiet

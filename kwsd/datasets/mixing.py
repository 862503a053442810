"""The mean power of sound, and the gain of noise for a given signal-to-noise ratio."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.scale import to_float

Samples = NDArray[np.int16] | NDArray[np.floating[Any]]


def mean_power(samples: Samples) -> float:
    """The variance of (n,) samples, with full scale at 1.0 for int16 as for float; 0.0 for none.

    The mean, a DC offset, is inaudible and does not count."""
    if not len(samples):
        return 0.0
    return float(np.var(_as_float(samples), dtype=np.float64))


def noise_gain(signal_power: float, noise_power: float, snr_db: float) -> float:
    """The factor for noise that puts the signal's mean power `snr_db` decibels above that of the noise.

    0.0 where either is silent, as no factor gives the ratio then.
    """
    if signal_power <= 0 or noise_power <= 0:
        return 0.0
    return math.sqrt(signal_power / noise_power * 10 ** (-snr_db / 10))


def _as_float(samples: Samples) -> NDArray[np.float32]:
    if samples.dtype == np.int16:
        return to_float(samples.astype(np.int16, copy=False))
    return samples.astype(np.float32, copy=False)

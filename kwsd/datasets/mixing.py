"""How loud sound is, and how loud noise has to be for a stated signal-to-noise ratio."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.scale import to_float

Samples = NDArray[np.int16] | NDArray[np.floating[Any]]


def mean_power(samples: Samples) -> float:
    """The mean square of (n,) samples about their mean, which nobody hears, full scale at 1.0 for int16 as for float;
    0.0 for none."""
    if not len(samples):
        return 0.0
    return float(np.var(_as_float(samples), dtype=np.float64))


def noise_gain(signal_power: float, noise_power: float, snr_db: float) -> float:
    """The factor for noise so that the signal's mean power lies `snr_db` decibels above it.

    0.0 where either is silent: no factor gives a ratio then.
    """
    if signal_power <= 0 or noise_power <= 0:
        return 0.0
    return math.sqrt(signal_power / noise_power * 10 ** (-snr_db / 10))


def _as_float(samples: Samples) -> NDArray[np.float32]:
    if samples.dtype == np.int16:
        return to_float(samples.astype(np.int16, copy=False))
    return samples.astype(np.float32, copy=False)

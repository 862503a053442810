"""Conversion of samples between int16 and float32 in [-1, 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_768
"""The value of 1.0 on the int16 scale, one more than int16 can hold."""


def to_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """int16 of any shape as float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def to_int16(samples: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Finite numbers of any shape, full scale at 1.0, as int16: rounded, and clipped beyond full scale."""
    scaled = np.clip(np.rint(samples * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1)
    return np.asarray(scaled, np.int16)

"""Samples as a WAV file."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kwsd.samples import RATE

_HEADER = 44
"""Bytes before the samples in a file of `write_wav`'s."""


def write_wav(file: BinaryIO, samples: NDArray[np.int16]) -> None:
    """16 kHz mono samples (n,) into an open file, which is left open. Raises OSError."""
    # Opened by the caller: what wave.open() itself cannot open it complains of once more when it is collected.
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.astype("<i2").tobytes())


def holds(path: Path, samples: NDArray[np.int16]) -> bool:
    """Whether `write_wav` wrote these samples (n,) to `path`."""
    try:
        there = np.memmap(path, "<i2", "r", offset=_HEADER)
    except (OSError, ValueError):  # nothing is there, or something shorter
        return False
    return bool(np.array_equal(there, samples))

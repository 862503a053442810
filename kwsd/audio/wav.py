"""Writing of samples as a WAV file."""

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
    """Write 16 kHz mono samples (n,) to an open file, which is left open. Raises OSError."""
    # The caller opens the file: where wave.open() itself fails to, it reports that again when it is collected.
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.astype("<i2").tobytes())


def holds(path: Path, samples: NDArray[np.int16]) -> bool:
    """Whether `path` holds exactly these samples (n,) as `write_wav` writes them."""
    try:
        there = np.memmap(path, "<i2", "r", offset=_HEADER)
    except (OSError, ValueError):  # missing, or without whole samples after the header
        return False
    return bool(np.array_equal(there, samples))

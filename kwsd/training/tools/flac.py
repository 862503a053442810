"""Clips as FLAC files, each of them whole or not there: a call that is given again takes those that are for done."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from kwsd.errors import writing
from kwsd.replacing import write_bytes
from kwsd.samples import RATE


def write_flac(path: Path, samples: NDArray[np.int16] | NDArray[np.float32]) -> None:
    """Write samples (n,) at 16 kHz; the folder is made. Raises DeviceError and OutputError (see `writing`)."""
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, RATE, format="FLAC")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, encoded.getvalue())

"""A device's frames, whatever its rate and channels, as kwsd wants them: 16 kHz mono, block by block, as bytes."""

from __future__ import annotations

import numpy as np

from kwsd.audio.resample import Resampler
from kwsd.audio.scale import to_float


class Converter:
    """One stream's frames of `channels` interleaved int16 samples at `rate` Hz, in this machine's byte order."""

    def __init__(self, rate: int, channels: int) -> None:
        """Raises ValueError for a rate that cannot be resampled."""
        self._channels = channels
        self._resampler = Resampler(rate)

    def feed(self, frames: bytes) -> bytes:
        """Whole frames to int16 samples at 16 kHz, about as long; see `Resampler` for when they come."""
        samples = np.frombuffer(frames, np.int16).reshape(-1, self._channels)
        return self._resampler.feed(to_float(samples)).tobytes()

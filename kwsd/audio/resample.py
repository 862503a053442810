"""Resamples audio of any rate and channel count to 16 kHz mono int16, and windows to the rates that networks want.

The only module of the daemon that imports soxr.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.scale import to_float, to_int16
from kwsd.samples import RATE


class Resampler:
    """Resamples one stream; its output does not depend on how the input is divided into blocks.

    soxr looks ahead, so that the output lags the input by some milliseconds until `flush()`.
    """

    def __init__(self, rate: int) -> None:
        """For a stream of `rate` samples a second (Hz). Raises ValueError for a rate that soxr does not take."""
        self._stream: Any = None
        if rate <= 0:
            raise ValueError(f"{rate} is not a sample rate")
        if rate != RATE:
            import soxr

            try:
                self._stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
            except RuntimeError as error:
                raise ValueError(f"{rate} Hz cannot be resampled: {error}") from error

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.int16]:
        """float32 (n, channels) or (n,), finite, full scale at 1.0 → int16 (m,), m about n · 16000 / rate."""
        mono = samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float32)
        if self._stream is not None:
            mono = self._stream.resample_chunk(np.ascontiguousarray(mono), last=False)
        return to_int16(mono)

    def flush(self) -> NDArray[np.int16]:
        """The samples that the resampler still holds, (m,) int16; this ends the stream."""
        nothing = np.zeros(0, np.float32)
        return to_int16(nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True))


class Converter:
    """Converts a device's frames to 16 kHz mono: bytes of interleaved int16 samples in this machine's byte order."""

    def __init__(self, rate: int, channels: int) -> None:
        """For frames of `channels` samples at `rate` Hz. Raises ValueError for a rate that cannot be resampled."""
        self._channels = channels
        self._resampler = Resampler(rate)

    def feed(self, frames: bytes) -> bytes:
        """Whole frames -> int16 samples at 16 kHz, which lag behind as those of `Resampler` do."""
        samples = np.frombuffer(frames, np.int16).reshape(-1, self._channels)
        return self._resampler.feed(to_float(samples)).tobytes()


def resampled(clips: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """(batch, n) float32 at `rate` Hz -> (batch, m) at `wanted` Hz; each row is a whole clip, resampled by itself."""
    if rate == wanted:
        return clips
    if not len(clips):  # soxr takes no batch without a clip
        return np.zeros((0, round(clips.shape[1] * wanted / rate)), np.float32)
    import soxr

    return np.ascontiguousarray(soxr.resample(clips.T, rate, wanted, quality="HQ").T, np.float32)

"""Recordings in any format that libsndfile reads, as 16 kHz mono."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.decoding.sndfile import TALKS, UNKNOWN_FRAMES, open_recording, read_blocks, wind
from kwsd.audio.realtime import RealtimePacer
from kwsd.audio.resample import Resampler, resampled
from kwsd.audio.source import Block
from kwsd.errors import InputError
from kwsd.samples import RATE
from kwsd.shown import readable

log = logging.getLogger(__name__)

_LOUDEST = 1e4
"""Samples are clipped here. Full scale is 1, but a file of floats may hold anything, and finite sums can overflow."""
_BLOCK_SAMPLES = 1 << 22
"""Most samples, of all channels together, that are read at once: a header may claim a thousand channels."""
_KEPT_OPEN = 32
"""The most MP3 files that stay open: each takes a descriptor."""


class FileSource:
    """A recording that is read as a stream, never as a whole, whatever its rate, channels and sample format."""

    live = False

    def __init__(self, path: Path, *, realtime: bool = False) -> None:
        """With `realtime`, blocks are paced like those of a microphone; otherwise they come as fast as possible."""
        self.name = readable(path.name)
        self._path = path
        self._realtime = realtime
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Blocks of a second, or of 20 ms in real time.

        Raises InputError for a file that cannot be read or has no finite sample, and, like every reader here,
        DeviceError where libsndfile is missing.
        """
        pacer = RealtimePacer(self._closed) if self._realtime else None
        with open_recording(self._path) as sound:
            for samples in _resampled(self._path, sound, 0.02 if self._realtime else 1.0):
                if self._closed.is_set() or (pacer and not pacer.wait(len(samples))):
                    return
                if len(samples):
                    yield Block(samples)

    def close(self) -> None:
        """End `blocks()` at its next block; a wait in real time ends at once."""
        self._closed.set()


def read_clip(path: Path) -> NDArray[np.int16]:
    """The whole recording: (n,) int16, 16 kHz mono. Raises InputError as `FileSource.blocks`."""
    whole = bytearray()  # grows in place: joining blocks would take twice the memory, and a recording may last hours
    with open_recording(path) as sound:
        for block in _resampled(path, sound, 1.0):
            whole += block.tobytes()
    return np.frombuffer(whole, np.int16)


def read_part(path: Path, start: int, length: int) -> NDArray[np.int16]:
    """Up to `length` samples from `start` on, without decoding more: (n,) int16, 16 kHz mono.

    Raises InputError as `FileSource.blocks` does, and where the recording ends before `start`.
    """
    with open_recording(path) as sound:
        return _part(path, sound, start, length)


class Parts:
    """Reads parts of recordings as `read_part` does, many of each, from any thread.

    Some MP3 files stay open: after it is opened, libmpg123 goes through all frames up to the place that it seeks, which
    takes a second in an hour of talk, and later it remembers them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Path, Any] = {}
        self._others: set[Path] = set()

    def read(self, path: Path, start: int, length: int) -> NDArray[np.int16]:
        """Up to `length` samples from `start` on. Raises what `read_part` raises."""
        if path in self._others:
            return read_part(path, start, length)
        with self._lock:
            if path not in self._open:
                self._begin(path)
            if path in self._open:
                try:
                    return _part(path, self._open[path], start, length)
                except BaseException:  # its decoder may be in any state
                    self._open.pop(path).close()
                    raise
        return read_part(path, start, length)

    def _begin(self, path: Path) -> None:
        sound = open_recording(path)
        if sound.format == TALKS and len(self._open) < _KEPT_OPEN:
            self._open[path] = sound
        else:
            sound.close()
            self._others.add(path)


def _part(path: Path, sound: Any, start: int, length: int) -> NDArray[np.int16]:
    wind(path, sound, start)
    most = -(-length * int(sound.samplerate) // RATE)
    return np.concatenate(list(_resampled(path, sound, 1.0, most)))[:length]


def read_at(path: Path, rate: int) -> NDArray[np.float32]:
    """The whole recording at any rate: (n,) float32 in [-1, 1), mono. Raises InputError as `FileSource.blocks`."""
    with open_recording(path) as sound:
        mono = np.concatenate([block.mean(axis=1, dtype=np.float32) for block in _finite(path, sound, 1.0)])
        return resampled(mono[None], int(sound.samplerate), rate).reshape(-1)


def check_recording(path: Path) -> None:
    """Raise InputError for a file that is not a recording, as far as its header tells."""
    open_recording(path).close()


def clip_length(path: Path) -> int:
    """The recording's length in samples at 16 kHz, by its header; if that does not know it, all of it is decoded.

    Raises InputError.
    """
    with open_recording(path) as sound:
        frames = int(sound.frames)
        if frames == UNKNOWN_FRAMES:
            frames = sum(map(len, read_blocks(path, sound, _BLOCK_SAMPLES // sound.channels, None)))
        return round(frames * RATE / int(sound.samplerate))


def _resampled(path: Path, sound: Any, block_s: float, most: int | None = None) -> Iterator[NDArray[np.int16]]:
    """All of `sound`, or its next `most` frames, as 16 kHz mono int16, `block_s` seconds at a time.

    Samples that are not finite become zeros.
    """
    try:
        resampler = Resampler(sound.samplerate)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    for samples in _finite(path, sound, block_s, most):
        yield resampler.feed(samples)
    yield resampler.flush()


def _finite(path: Path, sound: Any, block_s: float, most: int | None = None) -> Iterator[NDArray[np.float32]]:
    """All of `sound`, or its next `most` frames, as (n, channels) float32, `block_s` seconds at a time.

    Samples that are not finite become zeros; others are clipped to ±`_LOUDEST`.
    """
    read = bad = 0
    frames = min(round(sound.samplerate * block_s), _BLOCK_SAMPLES // sound.channels)
    for samples in read_blocks(path, sound, max(1, frames), most):
        finite = np.isfinite(samples)
        wrong = samples.size - int(np.count_nonzero(finite))
        if wrong and not bad:
            log.warning("%s: not all samples are numbers (NaN or infinite); they are heard as silence", path)
        if wrong:
            samples[~finite] = 0
        np.clip(samples, -_LOUDEST, _LOUDEST, out=samples)
        read += samples.size
        bad += wrong
        yield samples
    if not read and most is None:
        raise InputError(f"{path}: ends before its first sample, like half a copy; record or copy it again")
    if bad == read and most is None:
        raise InputError(f"{path}: not one sample is a number (all NaN or infinite); record it again")

"""Recordings in any format that libsndfile reads. The door to soundfile: what training makes is written beside it."""

from __future__ import annotations

import logging
import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.chatter import chatter_to_log
from kwsd.audio.cutoff import Promise
from kwsd.audio.realtime import RealtimePacer
from kwsd.audio.resample import Resampler, resampled
from kwsd.audio.source import Block
from kwsd.errors import DeviceError, InputError
from kwsd.events import RATE
from kwsd.shown import readable

log = logging.getLogger(__name__)

RATES = range(1_000, 1_000_001)
"""Sampling rates in Hz that a recording may have. A header that says otherwise is damaged, or not one of sound; to take
it at its word costs gigabytes."""
_UNKNOWN = (1 << 63) - 1
"""Frames, by libsndfile, of a FLAC that was written to a pipe: its header was written before anybody knew."""
_HEADER_BYTES = 4096
"""More than the header of a recording without samples has."""
_LOUDEST = 1e4
"""Full scale is 1, but a file of floats may hold anything, and sums of what is finite may not be."""
_TALKS = "MP3"  # libmpg123 prints on standard error
_BLOCK_SAMPLES = 1 << 22
"""Samples of all channels that are read at once, at most: a header may claim a thousand channels."""


class FileSource:
    """A recording, read as a stream: never held as a whole, whatever its rate, channels and sample format."""

    live = False

    def __init__(self, path: Path, *, realtime: bool = False) -> None:
        """`realtime` paces it like a microphone; otherwise it comes as fast as it is read."""
        self.name = readable(path.name)
        self._path = path
        self._realtime = realtime
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        """Blocks of a second, or of 20 ms in real time. Raises InputError for what cannot be read or is all NaN."""
        pacer = RealtimePacer(self._closed) if self._realtime else None
        with _open(self._path) as sound:
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
    whole = bytearray()  # grows where it lies: blocks that are joined are there twice, and hours are long
    with _open(path) as sound:
        for block in _resampled(path, sound, 1.0):
            whole += block.tobytes()
    return np.frombuffer(whole, np.int16)


def read_part(path: Path, start: int, length: int) -> NDArray[np.int16]:
    """`length` samples from `start` on, or as many as there are: (n,) int16, 16 kHz mono; no more is decoded.

    Raises InputError as `FileSource.blocks`, and where there is nothing from `start` on.
    """
    with _open(path) as sound:
        rate = int(sound.samplerate)
        try:
            with chatter_to_log(log) if sound.format == _TALKS else nullcontext():
                sound.seek(start * rate // RATE)
        except _soundfile().LibsndfileError as error:
            raise InputError(f"{path}: holds nothing from {start / RATE:.1f} s on ({error})") from error
        return np.concatenate(list(_resampled(path, sound, 1.0, most=-(-length * rate // RATE))))[:length]


def read_at(path: Path, rate: int) -> NDArray[np.float32]:
    """The whole recording at any rate: (n,) float32 in [-1, 1), mono. Raises InputError as `FileSource.blocks`."""
    with _open(path) as sound:
        mono = np.concatenate([block.mean(axis=1, dtype=np.float32) for block in _finite(path, sound, 1.0)])
        return resampled(mono[None], int(sound.samplerate), rate).reshape(-1)


def check_recording(path: Path) -> None:
    """Raise InputError for what is no recording, as far as its first bytes tell."""
    _open(path).close()


def clip_length(path: Path) -> int:
    """How long the recording is by its header, or by its end where that does not know, in samples at 16 kHz.

    Raises InputError.
    """
    with _open(path) as sound:
        frames = int(sound.frames)
        if frames == _UNKNOWN:
            frames = sum(map(len, _read(path, sound, _BLOCK_SAMPLES // sound.channels, None)))
        return round(frames * RATE / int(sound.samplerate))


def _open(path: Path) -> Any:
    """An open `soundfile.SoundFile` that holds at least one sample."""
    sf = _soundfile()
    talks = _check_file(path)
    try:
        with chatter_to_log(log) if talks else nullcontext():
            sound = sf.SoundFile(os.fsencode(path))  # a name need not be UTF-8, and soundfile would insist
    except TypeError as error:  # libsndfile takes .raw for headerless audio and wants to be told its rate
        raise InputError(f"{path}: raw samples have no header; {_piped(path)}") from error
    except (sf.LibsndfileError, OSError) as error:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        next_ = f"convert it (ffmpeg -i FILE out.wav); if it is raw samples, {_piped(path)}"
        raise InputError(f"{path}: no audio that libsndfile can read ({reason}): {next_}") from error
    if not sound.frames:
        sound.close()
        raise InputError(f"{path}: holds no samples{_advice(path)}")
    if sound.samplerate not in RATES:
        sound.close()
        raise InputError(f"{path}: has {sound.samplerate} samples a second, says its header; record it again")
    # After every read soundfile seeks to where it is already. In an MP3 that drops what the decoder has in hand:
    # a hole in every block. It does not do so in what it takes for a pipe.
    sound.seekable = lambda: False
    return sound


def _advice(path: Path) -> str:
    """What to do where there are none by the header. Who records fills in their number at the end, unless killed."""
    size = path.stat().st_size
    if size <= _HEADER_BYTES:
        return "; record it again or name another file"
    return f", says its header, but {size / 1000:.0f} kB of something: convert it (ffmpeg -i FILE out.wav)"


def _piped(path: Path) -> str:
    return f"pipe them, S16_LE at 16 kHz, mono: kwsd listen - < {shlex.quote(str(path))}"


def _check_file(path: Path) -> bool:
    """Say what libsndfile would call a "System error". Raises InputError.

    True for what libmpg123 may have something to say of, past us: an MP3's first bytes.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: a folder, not a recording; name a file in it")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a regular file; pipe raw samples to: kwsd listen -")
        with path.open("rb") as file:
            head = file.read(3)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; check the name and its permissions") from error
    if not head:
        raise InputError(f"{path}: the file is empty; record it again or name another file")
    return head == b"ID3" or (head[0] == 0xFF and head[1:2] >= b"\xe0")


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise DeviceError(f"libsndfile cannot be loaded ({error}): apt install libsndfile1") from error
    return soundfile


def _resampled(path: Path, sound: Any, block_s: float, most: int | None = None) -> Iterator[NDArray[np.int16]]:
    """All of `sound` or its next `most` frames, `block_s` seconds at a time, as 16 kHz mono int16; numbers that are not
    finite become zeros."""
    try:
        resampler = Resampler(sound.samplerate)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    for samples in _finite(path, sound, block_s, most):
        yield resampler.feed(samples)
    yield resampler.flush()


def _finite(path: Path, sound: Any, block_s: float, most: int | None = None) -> Iterator[NDArray[np.float32]]:
    """All of `sound` or its next `most` frames, (n, channels) `block_s` seconds at a time; numbers that are not finite
    become zeros."""
    read = bad = 0
    frames = min(round(sound.samplerate * block_s), _BLOCK_SAMPLES // sound.channels)
    for samples in _read(path, sound, max(1, frames), most):
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
    if bad == read and most is None:
        raise InputError(f"{path}: not one sample is a number (all NaN or infinite); record it again")


def _read(path: Path, sound: Any, frames: int, most: int | None) -> Iterator[NDArray[np.float32]]:
    """Blocks of (frames, channels) until the end, or until they are `most` frames."""
    read, talks, promise = 0, sound.format == _TALKS, None
    if most is None and sound.frames != _UNKNOWN:
        promise = Promise(path, sound.format, sound.frames / sound.samplerate)
    while most is None or read < most:
        try:
            with chatter_to_log(log) if talks else nullcontext():
                count = frames if most is None else min(frames, most - read)
                samples = sound.read(count, dtype="float32", always_2d=True)
        except (_soundfile().LibsndfileError, OSError) as error:
            at = read / sound.samplerate
            raise InputError(f"{path}: damaged about {at:.1f} s into it ({error})") from error
        if not len(samples):
            break
        read += len(samples)
        yield samples
    if promise and (what := promise.broken(read / sound.samplerate)):
        log.warning("%s: %s; is it cut off, or damaged?", path, what)
    if most is not None and not read:
        raise InputError(f"{path}: ends before its header says; convert it (ffmpeg -i FILE out.wav)")

"""Opens, seeks and reads recordings with soundfile, and turns libsndfile's errors into readable ones."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.chatter import chatter_to_log
from kwsd.audio.decoding.truncation import ExpectedLength
from kwsd.errors import DeviceError, InputError
from kwsd.samples import RATE

log = logging.getLogger(__name__)

RATES = range(1_000, 1_000_001)
"""Sampling rates in Hz that a recording may have. A header with another rate is damaged, or not one of sound; to trust
it costs gigabytes."""
UNKNOWN_FRAMES = (1 << 63) - 1
"""libsndfile's number of frames for a FLAC file that was written to a pipe, whose header does not know its length."""
_HEADER_BYTES = 4096
"""More bytes than the header of a recording without samples has."""
_SECOND_RIFF = 61
"""libsndfile's SFE_WAV_NO_RIFF: behind the samples of a WAV file, another one begins."""
_UNSEEKABLE = 40
"""libsndfile's SFE_NOT_SEEKABLE: a codec that decodes samples from earlier ones, such as GSM 6.10 and some ADPCM."""
TALKS = "MP3"
"""The format whose decoder, libmpg123, prints on standard error."""


def open_recording(path: Path) -> Any:
    """Open a recording, as a `soundfile.SoundFile` whose header counts at least one sample.

    Raises InputError for a file that is not a recording, and DeviceError where libsndfile is missing.
    """
    sf = _soundfile()
    talks = _check_file(path)
    try:
        with chatter_to_log(log) if talks else nullcontext():
            sound = sf.SoundFile(os.fsencode(path))  # as bytes: soundfile takes text names for UTF-8
    except TypeError as error:  # libsndfile takes .raw for headerless audio and wants to be told its rate
        raise InputError(f"{path}: raw samples have no header; give them one ({_from_raw(path)})") from error
    except (sf.LibsndfileError, OSError) as error:
        if path.suffix.lower() == ".onnx":
            raise InputError(f"{path}: a model, not a recording; name it after --model") from error
        if getattr(error, "code", None) == _SECOND_RIFF:
            what = f"{path}: behind its samples, another WAV file begins, as arecord writes it after 2 GiB;"
            raise InputError(what, "convert it (ffmpeg -ignore_length 1 -i FILE out.flac)") from error
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        next_ = f"convert it (ffmpeg -i FILE out.wav; if it is raw samples, {_from_raw(path)})"
        raise InputError(f"{path}: no audio that libsndfile can read ({reason}): {next_}") from error
    if not sound.frames:
        sound.close()
        raise InputError(f"{path}: holds no samples{_advice(path)}")
    if sound.samplerate not in RATES:
        sound.close()
        raise InputError(f"{path}: has {sound.samplerate} samples a second according to its header; record it again")
    # After every read soundfile seeks to where it is already. In an MP3 that drops what the decoder has buffered, and
    # leaves a hole in every block. Soundfile does not seek in a file that claims not to be seekable.
    sound.seekable = lambda: False
    return sound


def wind(path: Path, sound: Any, start: int) -> None:
    """Seek to `start`, in samples at 16 kHz. Raises InputError where the recording cannot be read from there."""
    first = start * int(sound.samplerate) // RATE
    try:
        with _chatter(sound):
            sound.seek(first)
    except _soundfile().LibsndfileError as error:
        if error.code == _UNSEEKABLE:
            for at in range(0, first, sound.samplerate):  # past the end, the next read finds nothing
                sound.read(min(sound.samplerate, first - at))
            return
        raise InputError(f"{path}: holds nothing from {start / RATE:.1f} s on ({error})") from error


def read_blocks(path: Path, sound: Any, frames: int, most: int | None) -> Iterator[NDArray[np.float32]]:
    """Blocks of (frames, channels) float32 until the end, or for `most` frames. Raises InputError for damage."""
    read, promise = 0, None
    if most is None and sound.frames != UNKNOWN_FRAMES:
        promise = ExpectedLength(path, sound.format, sound.frames / sound.samplerate)
    while most is None or read < most:
        try:
            with _chatter(sound):
                count = frames if most is None else min(frames, most - read)
                samples = sound.read(count, dtype="float32", always_2d=True)
        except (_soundfile().LibsndfileError, OSError) as error:
            at = read / sound.samplerate
            what = f"{path}: damaged about {at:.1f} s into it ({str(error).removesuffix('.')})"
            raise InputError(what, "save what is left (ffmpeg -i FILE out.wav), or name another file") from error
        if not len(samples):
            break
        read += len(samples)
        yield samples
    if promise and (what := promise.broken(read / sound.samplerate)):
        log.warning("%s: %s; is it cut off, or damaged?", path, what)
    if promise and promise.beyond_s:
        what = f"goes on after its header says that it ends, for {promise.beyond_s:.0f} s that are not heard"
        log.warning("%s: %s; convert it (ffmpeg -ignore_length 1 -i FILE out.flac)", path, what)
    if most is not None and not read:
        raise InputError(f"{path}: ends before its header says; convert it (ffmpeg -i FILE out.wav)")


def _advice(path: Path) -> str:
    """What to do if the header counts no samples: a recorder fills in their number at the end, unless it is killed."""
    size = path.stat().st_size
    if size <= _HEADER_BYTES:
        return "; record it again or name another file"
    return f", according to its header, but {size / 1000:.0f} kB of other data: convert it (ffmpeg -i FILE out.wav)"


def _from_raw(path: Path) -> str:
    """The command that turns raw 16 kHz mono samples into a recording, which every kwsd command takes."""
    return f"ffmpeg -f s16le -ar 16000 -ac 1 -i {shlex.quote(str(path))} out.wav"


def _check_file(path: Path) -> bool:
    """Raise InputError, with the reason, for a file on which libsndfile would only report a "System error".

    True for a file that begins like an MP3, about which libmpg123 may print to standard error.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: a folder, not a recording; name a file in it")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a regular file; pipe samples, or a WAV file of them, to: kwsd listen -")
        with path.open("rb") as file:
            head = file.read(3)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; check the name and its permissions") from error
    if not head:
        raise InputError(f"{path}: the file is empty; record it again or name another file")
    return head == b"ID3" or (head[0] == 0xFF and head[1:2] >= b"\xe0")


def _chatter(sound: Any) -> AbstractContextManager[None]:
    """Send what the decoder of this recording prints to the log."""
    return chatter_to_log(log) if sound.format == TALKS else nullcontext()


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise DeviceError(f"libsndfile cannot be loaded ({error}): apt install libsndfile1") from error
    return soundfile

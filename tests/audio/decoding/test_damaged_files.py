"""Recordings that are none, that are damaged or cut off, or whose headers say what is not so."""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recorded import streamed

from kwsd.audio.decoding.chunks import surplus
from kwsd.audio.decoding.files import FileSource, clip_length, read_clip, read_part
from kwsd.errors import InputError


def write_bad(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.wav"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("these are words\n" * 100)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "silent":
        soundfile.write(path, np.zeros(0, np.int16), 16_000)
    elif kind == "header":
        soundfile.write(path, np.zeros(16_000, np.int16), 16_000, format="FLAC")
        path.write_bytes(path.read_bytes()[:86])
    elif kind == "nan":
        soundfile.write(path, np.full(40_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    elif kind == "two":
        soundfile.write(path, np.ones(100, np.int16), 16_000)
        path.write_bytes(2 * path.read_bytes())
    elif kind == "fast":
        soundfile.write(path, np.ones(100, np.int16), 2**31 - 1)
    elif kind == "pcm":
        path = folder / "my talk.pcm"
        path.write_bytes(bytes(100))
    elif kind == "onnx":
        path = folder / "exported.onnx"
        path.write_bytes(bytes(range(100)))
    elif kind == "raw":
        path = folder / "a.raw"
        path.write_bytes(bytes(100))
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "No such file"),
        ("empty", "the file is empty"),
        (
            "text",
            r"no audio that libsndfile can read .*: convert it \(ffmpeg -i FILE out\.wav; if",
        ),
        ("pcm", r"convert it \(ffmpeg .*if it is raw samples, ffmpeg -f s16le .* -i '/.*my talk\.pcm' out\.wav\)"),
        ("onnx", "a model, not a recording; name it after --model"),
        ("folder", "a folder"),
        ("pipe", "not a regular file"),
        ("silent", "no samples"),
        ("nan", "not one sample is a number"),
        ("header", "ends before its first sample"),
        ("raw", r"no header; give them one \(ffmpeg -f s16le -ar 16000 -ac 1 -i .*a\.raw out\.wav\)"),
        ("two", r"another WAV file begins, .*; convert it \(ffmpeg -ignore_length 1 -i FILE out\.flac\)"),
        ("fast", "2147483647 samples a second"),
    ],
)
def test_what_cannot_be_heard_is_named(tmp_path: Path, kind: str, says: str) -> None:
    path = write_bad(tmp_path, kind)
    for read in (streamed, read_clip):
        with pytest.raises(InputError, match=says) as caught:
            read(path)
        text = str(caught.value)
        assert str(path) in text
        assert "\n" not in text


def test_a_damaged_file_gives_what_is_whole_or_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(6).normal(scale=0.1, size=80_000), 16_000)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) // 2)
    path.write_bytes(data)
    try:
        heard = len(streamed(path))
    except InputError as error:
        assert "damaged" in str(error)  # noqa: PT017 - which of both it is depends on libsndfile
    else:
        assert 30_000 < heard <= 80_000


def test_a_flac_that_is_cut_off_says_where_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(6).normal(scale=0.1, size=80_000), 16_000)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(InputError, match=r"a\.flac: damaged about \d\.\d s into it \(.+\): save what is left \(ffmpeg"):
        streamed(path)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("a.wav", {}, r"after 2\.5 of 5\.0 s"),
        ("a.wav", {"subtype": "FLOAT"}, r"after 2\.5 of 5\.0 s"),
        ("a.wav", {"subtype": "PCM_24", "format": "WAVEX"}, r"after 2\.5 of 5\.0 s"),
        ("a.aiff", {}, r"after 2\.5 of 5\.0 s"),
        ("a.wav", {"endian": "BIG"}, r"after 2\.5 of 5\.0 s"),
        ("a.rf64", {"format": "RF64"}, r"after 2\.5 of 5\.0 s"),
        ("a.w64", {}, r"after 2\.5 of 5\.0 s"),
        ("a.au", {}, r"after 2\.5 of 5\.0 s"),
        ("a.au", {"endian": "LITTLE"}, r"after 2\.5 of 5\.0 s"),
        ("a.mp3", {}, r"after 2\.\d of 5\.0 s"),
        ("a.ogg", {}, r"after \d\.\d s without an end"),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}, r"after \d\.\d s without an end"),
    ],
)
def test_a_recording_that_is_cut_off_gives_what_is_there_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, settings: dict[str, str], says: str
) -> None:
    path = tmp_path / name
    soundfile.write(path, np.random.default_rng(6).normal(scale=0.1, size=80_000), 16_000, **settings)
    whole = path.read_bytes()
    with caplog.at_level(logging.WARNING):
        streamed(path)
        assert caplog.records == []
        for left in (len(whole) // 2, len(whole) - 3 if "ogg" in name else len(whole) // 2 + 1):
            path.write_bytes(whole[:left])
            caplog.clear()
            assert 20_000 < len(streamed(path)) < 80_000
            (record,) = caplog.records
            assert re.search(says if left < len(whole) - 3 else "without an end", record.getMessage())
            assert str(path) in record.getMessage()


@pytest.mark.parametrize("there", [1.0, 0.75])
@pytest.mark.parametrize("name", ["a.wav", "a.au"])
def test_a_recording_that_shrinks_while_it_is_read_is_told_with_the_length_of_its_header(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, there: float
) -> None:
    path = tmp_path / name
    soundfile.write(path, np.ones(160_000, np.int16), 16_000)
    size = path.stat().st_size
    os.truncate(path, int(there * size))
    with caplog.at_level(logging.WARNING):
        blocks = FileSource(path).blocks()
        next(blocks)
        os.truncate(path, size // 2)
        for _ in blocks:
            pass
    (record,) = caplog.records
    assert re.search(r"after 5\.0 of 10\.0 s", record.getMessage())


def test_an_mp3_that_does_not_count_its_frames_promises_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.mp3"
    noise = np.random.default_rng(6).normal(scale=0.1, size=320_000) * np.repeat([1e-5, 1], 160_000)
    soundfile.write(path, noise, 16_000, bitrate_mode="AVERAGE", compression_level=0.5)
    data = path.read_bytes()
    path.write_bytes(data[data.index(b"\xff\xf3", 4) :])  # without the first frame, which counts them
    with caplog.at_level(logging.WARNING):
        heard = len(streamed(path))
    assert clip_length(path) - heard > 16_000
    assert caplog.records == []
    path.write_bytes(b"ID3\4\0\0\0\0\1\0" + bytes(128) + data[: len(data) // 2])
    with caplog.at_level(logging.WARNING):
        streamed(path)
    assert len(caplog.records) == 1


def test_what_libmpg123_prints_goes_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mp3"
    rng = np.random.default_rng(6)
    soundfile.write(path, rng.normal(scale=0.1, size=80_000), 16_000)
    data = bytearray(path.read_bytes())
    data[len(data) // 4 : len(data) // 4 + 3000] = rng.bytes(3000)
    path.write_bytes(data[: len(data) // 2])
    with caplog.at_level(logging.DEBUG):
        for read in (streamed, lambda path: read_part(path, 40_000, 16_000)):
            with suppress(InputError):  # which of both it is depends on libmpg123
                read(path)
    assert "Xing" in caplog.text
    assert "libmpg123" in caplog.text
    assert capfd.readouterr().err == ""


def test_an_au_whose_size_was_not_known_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.au"
    soundfile.write(path, np.ones(16_000, np.int16), 16_000)
    data = bytearray(path.read_bytes())
    data[8:12] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert len(streamed(path)) == 16_000
    assert caplog.records == []


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x8000_0000, 0x7FFF_FFDB])
def test_a_wav_whose_size_was_not_known_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture, size: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones(16_000, np.int16), 16_000)
    data = bytearray(path.read_bytes())
    data[40:44] = size.to_bytes(4, "little")
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert len(streamed(path)) == 16_000
    assert caplog.records == []


@pytest.mark.parametrize(
    ("size", "more", "told"),
    [
        (32_000, bytes(2 << 20), True),  # as of a recorder that was killed, or of more than 32 bits can say
        (31_999, bytes(2 << 20), True),
        (32_000, b"id3 \0\0\x20\0" + bytes(2 << 20), False),
        (31_999, b"LIST\0\0\x20\0" + bytes(2 << 20), False),
        (32_000, bytes(4096), False),
    ],
)
def test_a_wav_that_goes_on_after_its_header_says_that_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: int, more: bytes, told: bool
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones(16_000, np.int16), 16_000)
    data = bytearray(path.read_bytes())
    data[40:44] = size.to_bytes(4, "little")
    path.write_bytes(data + more)
    with caplog.at_level(logging.WARNING):
        assert len(streamed(path)) == size // 2
    warning = f"{path}: goes on after its header says that it ends, for 66 s that are not heard; convert it (ffmpeg "
    assert [record.getMessage().startswith(warning) for record in caplog.records] == [True] * told


def test_a_wav_of_days_is_longer_than_32_bits_can_say(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones(16_000, np.int16), 16_000)
    with path.open("r+b") as file:
        file.seek(40)
        file.write(b"\xff\xff\xff\x7f")  # as of sox, whose output is a pipe
        file.truncate(6 << 30)
        assert surplus(file) == pytest.approx(2.0)
        file.truncate(1 << 30)
        assert surplus(file) == 0.0

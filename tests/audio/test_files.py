from __future__ import annotations

import logging
import os
import re
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.files import FileSource, clip_length, read_at, read_clip, read_part
from kwsd.errors import InputError


def tone(rate: int, seconds: float, channels: int = 1) -> NDArray[np.float32]:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def streamed(path: Path) -> NDArray[np.int16]:
    return np.concatenate([block.samples for block in FileSource(path).blocks()])


@pytest.mark.parametrize("seconds", [2.5, 0.01])
@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype", "tolerance"),
    [
        ("a.wav", 16_000, 1, "PCM_16", 1),
        ("a.wav", 16_000, 1, "PCM_U8", 256),
        ("a.wav", 44_100, 2, "PCM_24", 60),
        ("a.wav", 8_000, 1, "PCM_16", 60),
        ("a.wav", 96_000, 6, "FLOAT", 60),
        ("a.flac", 48_000, 2, "PCM_16", 60),
        ("a.ogg", 16_000, 1, "VORBIS", 2000),
        ("a.opus", 48_000, 1, "OPUS", 2000),
        ("a.mp3", 44_100, 2, "MPEG_LAYER_III", 2000),
    ],
)
def test_any_format_is_heard_as_16_khz_mono(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str, tolerance: int, seconds: float
) -> None:
    path = tmp_path / name
    container = "OGG" if name.endswith("opus") else None
    soundfile.write(path, tone(rate, seconds, channels), rate, subtype=subtype, format=container)
    heard = streamed(path)
    assert heard.dtype == np.int16
    if name != "a.mp3":  # whose encoder pads
        assert len(heard) == clip_length(path) == round(16_000 * seconds)
    if seconds > 1:
        inner = slice(1600, 32_000)
        right = tone(16_000, seconds)[inner, 0] * 32_768
        np.testing.assert_allclose(heard[inner], right, atol=tolerance)
    np.testing.assert_array_equal(read_clip(path), heard)


def test_16_bit_at_16_khz_comes_through_bit_by_bit(tmp_path: Path) -> None:
    samples = np.random.default_rng(5).integers(-32768, 32768, 40_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    np.testing.assert_array_equal(read_clip(tmp_path / "a.wav"), samples)


def test_a_recording_whose_recorder_was_killed_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "killed.wav"
    soundfile.write(path, tone(16_000, 3), 16_000)
    data = bytearray(path.read_bytes())
    data[40:44] = bytes(4)  # the size of its samples
    path.write_bytes(data)
    with pytest.raises(InputError, match="no samples, says its header, but 96 kB of something: convert it"):
        read_clip(path)


def test_a_flac_from_a_pipe_is_as_long_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its header does not know how long that is."""
    path = tmp_path / "piped.flac"
    soundfile.write(path, tone(16_000, 3), 16_000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the lowest 36 bits of these eight bytes are how many samples there are
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert clip_length(path) == len(read_clip(path)) == 48_000
    np.testing.assert_array_equal(read_part(path, 40_000, 4000), read_clip(path)[40_000:44_000])
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "rate", "settings", "tolerance"),
    [
        ("a.wav", 16_000, {}, 0),
        ("a.wav", 44_100, {"subtype": "FLOAT"}, 30),
        ("a.flac", 48_000, {}, 30),
        ("a.ogg", 16_000, {}, 1),
        ("a.opus", 48_000, {"format": "OGG", "subtype": "OPUS"}, 300),
        ("a.mp3", 44_100, {}, 300),
    ],
)
def test_a_part_is_what_lies_there_in_the_whole(
    tmp_path: Path, name: str, rate: int, settings: dict[str, str], tolerance: int
) -> None:
    path = tmp_path / name
    soundfile.write(path, tone(rate, 5) * np.linspace(0, 1, 5 * rate, dtype=np.float32)[:, None], rate, **settings)
    whole, part = read_clip(path), read_part(path, 40_000, 16_000)
    assert part.dtype == np.int16
    assert len(part) == 16_000
    inner = slice(1600, -160)  # a decoder that begins anew, or a resampler, is off at the edges
    np.testing.assert_allclose(part[inner], whole[40_000:56_000][inner], atol=tolerance)
    assert 0 < len(read_part(path, len(whole) - 800, 16_000)) <= 800
    with pytest.raises(InputError, match=r"holds nothing from 100\.0 s on|ends before its header says"):
        read_part(path, 1_600_000, 16_000)


def test_it_is_read_in_blocks(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(44_100, 3.5), 44_100)
    sizes = [len(block.samples) for block in FileSource(tmp_path / "a.wav").blocks()]
    assert len(sizes) >= 4
    assert max(sizes) < 17_000


def test_its_name_and_nature(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "hall.wav")
    assert (source.name, source.live) == ("hall.wav", False)


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    soundfile.write(os.fsencode(path), tone(16_000, 1), 16_000)
    assert FileSource(path).name == "caf\ufffd.wav"
    assert len(streamed(path)) == 16_000
    path.write_bytes(b"no sound")
    with pytest.raises(InputError, match="libsndfile"):
        streamed(path)


def test_closing_ends_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(16_000, 5), 16_000)
    source = FileSource(tmp_path / "a.wav")
    blocks = source.blocks()
    next(blocks)
    source.close()
    source.close()
    assert list(blocks) == []


def test_in_real_time_it_takes_its_time_and_closing_does_not_wait(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", tone(44_100, 0.3), 44_100)
    begun = time.monotonic()
    heard = sum(len(block.samples) for block in FileSource(tmp_path / "short.wav", realtime=True).blocks())
    assert time.monotonic() - begun >= 0.29
    assert heard == 4800
    soundfile.write(tmp_path / "long.wav", tone(16_000, 60), 16_000)
    source = FileSource(tmp_path / "long.wav", realtime=True)
    first = threading.Event()

    def read() -> None:
        for _ in source.blocks():
            first.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert first.wait(PATIENCE_S)
    source.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


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
    elif kind == "nan":
        soundfile.write(path, np.full(40_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    elif kind == "fast":
        soundfile.write(path, np.ones(100, np.int16), 2**31 - 1)
    elif kind == "pcm":
        path = folder / "my talk.pcm"
        path.write_bytes(bytes(100))
    elif kind == "raw":
        path = folder / "a.raw"
        path.write_bytes(bytes(100))
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "No such file"),
        ("empty", "the file is empty"),
        ("text", r"no audio that libsndfile can read .*: convert it \(ffmpeg .*pipe them"),
        ("pcm", r"convert it \(ffmpeg .*pipe them.*kwsd listen - < '/.*my talk\.pcm'"),
        ("folder", "a folder"),
        ("pipe", "not a regular file"),
        ("silent", "no samples"),
        ("nan", "not one sample is a number"),
        ("raw", "kwsd listen -"),
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


def test_what_is_louder_than_anything_is_as_loud_as_can_be(tmp_path: Path) -> None:
    loud = np.tile(np.float32([1e30, -1e30]), 20_000).repeat(20)
    soundfile.write(tmp_path / "a.wav", loud, 48_000, subtype="FLOAT")
    assert np.isfinite(read_at(tmp_path / "a.wav", 16_000)).all()
    assert np.abs(read_clip(tmp_path / "a.wav")).max() > 30_000


def test_some_nan_are_silence_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    samples = np.full(80_000, 0.5, np.float32)
    samples[30_000:50_000] = np.nan
    samples[60_000] = np.inf
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with caplog.at_level(logging.WARNING):
        heard = streamed(tmp_path / "a.wav")
    assert np.flatnonzero(heard == 0).tolist() == [*range(30_000, 50_000), 60_000]
    assert (heard[heard != 0] == 16_384).all()
    assert len(caplog.records) == 1

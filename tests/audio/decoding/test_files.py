"""Recordings that are whole, in every format, as blocks, parts and clips."""

from __future__ import annotations

import logging
import os
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from patience import PATIENCE_S
from recorded import streamed, tone

from kwsd.audio.decoding import files, sndfile
from kwsd.audio.decoding.files import FileSource, clip_length, read_at, read_clip, read_part
from kwsd.errors import InputError
from kwsd.evaluation.output_files import save_wav
from kwsd.samples import RATE


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
    with pytest.raises(InputError, match="no samples, according to its header, but 96 kB of other data: convert it"):
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


def test_a_part_where_nothing_can_be_wound_on(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(8000, 5)[:, 0] * np.linspace(0, 1, 40_000, dtype=np.float32), 8000, subtype="GSM610")
    whole, part = read_clip(path), read_part(path, 40_000, 16_000)
    assert len(part) == 16_000
    inner = slice(160, -160)  # a resampler is off at the edges
    np.testing.assert_allclose(part[inner], whole[40_000:56_000][inner], atol=30)
    with pytest.raises(InputError, match="ends before its header says"):
        read_part(path, 1_600_000, 16_000)


def test_parts_of_an_mp3_are_read_without_opening_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find a place in one that was just opened, libmpg123 goes through all frames before it."""
    opened: list[Path] = []

    def opening(path: Path) -> Any:
        opened.append(path)
        return sndfile.open_recording(path)

    monkeypatch.setattr(files, "open_recording", opening)
    mp3, wav = tmp_path / "a.mp3", tmp_path / "a.wav"
    for path in (mp3, wav):
        soundfile.write(path, tone(44_100, 5) * np.linspace(0, 1, 220_500, dtype=np.float32)[:, None], 44_100)
    parts = files.Parts()
    for start in (40_000, 8000, 60_000, 24_000):
        for path in (mp3, wav):
            np.testing.assert_allclose(parts.read(path, start, 16_000), read_part(path, start, 16_000), atol=2)
    assert opened.count(mp3) == 1 + 4
    with pytest.raises(InputError, match=r"holds nothing from 100\.0 s on"):
        parts.read(mp3, 1_600_000, 16_000)
    assert len(parts.read(mp3, 8000, 16_000)) == 16_000  # open anew


def test_it_is_read_in_blocks(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(44_100, 3.5), 44_100)
    sizes = [len(block.samples) for block in FileSource(tmp_path / "a.wav").blocks()]
    assert len(sizes) >= 4
    assert max(sizes) < 17_000


def test_a_long_one_as_a_whole_is_in_memory_once(tmp_path: Path) -> None:
    save_wav(path := tmp_path / "talk.wav", np.resize(np.arange(-999, 999, dtype=np.int16), 300 * RATE))
    tracemalloc.start()
    try:
        samples = read_clip(path)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * samples.nbytes
    finally:
        tracemalloc.stop()


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

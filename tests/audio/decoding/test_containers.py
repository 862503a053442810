"""Recordings that somebody pipes where raw samples belong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import soundfile
from piped import SAMPLES, heard

from kwsd.audio.decoding.pcm import PcmSource
from kwsd.audio.decoding.wav_header import Header, wav_header
from kwsd.errors import InputError


class Pieces(io.BytesIO):
    """Gives less at a time than is asked for, where a header may lie."""

    def __init__(self, data: bytes, piece: int) -> None:
        super().__init__(data)
        self._piece = piece

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._piece if not 200 <= self.tell() < 99_000 else size)


def recording(path: Path, rate: int = 16_000, **settings: Any) -> Path:
    soundfile.write(path, SAMPLES, rate, **settings)
    return path


@pytest.mark.parametrize("piece", [1, 7, 1000, 1_000_000])
@pytest.mark.parametrize("first", [b"", b"JUNK\4\0\0\0\0\0\0\0"])
@pytest.mark.parametrize("notes", [b"", b"LIST\x05\0\0\0hello\0", b"LIST\0\0\1\0" + bytes(65_536)])
def test_the_header_of_a_wav_with_just_such_samples_is_passed_over(
    tmp_path: Path, piece: int, first: bytes, notes: bytes
) -> None:
    data = recording(tmp_path / "a.wav").read_bytes()
    data = data[:12] + first + data[12:36] + notes + data[36:]
    np.testing.assert_array_equal(heard(PcmSource(Pieces(data, piece))), SAMPLES)


@pytest.mark.parametrize("settings", [{"format": "WAVEX"}, {"format": "RF64"}])
def test_other_headers_of_the_same_samples(tmp_path: Path, settings: dict[str, Any]) -> None:
    data = recording(tmp_path / "a", subtype="PCM_16", **settings).read_bytes()
    np.testing.assert_array_equal(heard(PcmSource(io.BytesIO(data))), SAMPLES)


@pytest.mark.parametrize("piece", [7, 1000, 1_000_000])
def test_what_follows_the_samples_of_a_wav_is_not_heard(tmp_path: Path, piece: int) -> None:
    data = recording(tmp_path / "a.wav").read_bytes() + b"LIST\x06\0\0\0hello!"
    np.testing.assert_array_equal(heard(PcmSource(Pieces(data, piece))), SAMPLES)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x80000000, 0x7FFFF000])
def test_a_wav_that_was_written_to_a_pipe_has_no_end(tmp_path: Path, size: int) -> None:
    data = recording(tmp_path / "a.wav").read_bytes()
    data = data[:40] + size.to_bytes(4, "little") + data[44:]
    np.testing.assert_array_equal(heard(PcmSource(io.BytesIO(data))), SAMPLES)
    assert wav_header(data) == Header(44, None)


@pytest.mark.parametrize("piece", [7, 1000, 1_000_000])
@pytest.mark.parametrize("notes", [b"", b"LIST\x05\0\0\0hello\0"])
def test_wavs_one_after_the_other_are_all_heard(tmp_path: Path, piece: int, notes: bytes) -> None:
    data = recording(tmp_path / "a.wav").read_bytes() + notes
    np.testing.assert_array_equal(heard(PcmSource(Pieces(3 * data, piece))), np.tile(SAMPLES, 3))
    other = recording(tmp_path / "b.wav", rate=8000).read_bytes()
    with pytest.raises(InputError, match="a WAV recording other than"):
        heard(PcmSource(io.BytesIO(data + other)))


def test_samples_go_on_where_a_header_counts_too_few(tmp_path: Path) -> None:
    data = recording(tmp_path / "a.wav").read_bytes()
    data = data[:40] + (2000).to_bytes(4, "little") + data[44:]
    np.testing.assert_array_equal(heard(PcmSource(io.BytesIO(data))), SAMPLES)


def test_an_rf64_ends_where_its_other_chunk_says(tmp_path: Path) -> None:
    data = recording(tmp_path / "a", format="RF64", subtype="PCM_16").read_bytes() + b"LIST\x06\0\0\0hello!"
    np.testing.assert_array_equal(heard(PcmSource(io.BytesIO(data))), SAMPLES)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"data\x64\0\0\0" + bytes(100), id="samples before their format"),
        pytest.param(b"JUNK\0\0\x10\0" + bytes(100), id="a megabyte before its format"),
        pytest.param(b"fmt \4\0\0\0\1\0\1\0data\x64\0\0\0" + bytes(100), id="half a format"),
    ],
)
def test_a_wav_that_does_not_tell_what_its_samples_are_is_refused(head: bytes) -> None:
    with pytest.raises(InputError, match="a WAV recording other than"):
        heard(PcmSource(io.BytesIO(b"RIFF\0\0\0\0WAVE" + head)))


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("a.wav", {"rate": 44_100}, "a WAV recording other than plain 16 kHz, mono, 16 bits"),
        ("a.wav", {"subtype": "FLOAT"}, "a WAV recording other than"),
        ("a.rf64", {"format": "RF64", "rate": 8_000}, "a WAV recording other than"),
        ("a.flac", {}, "FLAC"),
        ("a.ogg", {}, "Ogg"),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}, "Ogg"),
        ("a.mp3", {}, "MP3"),
        ("a.mp3", {"rate": 44_100}, "MP3"),
        ("a.mp3", {"rate": 8_000}, "MP3"),
        ("a.aiff", {}, "AIFF"),
        ("a.au", {}, "AU"),
        ("a.w64", {}, "Wave64"),
        ("a.caf", {}, "CAF"),
        ("a.wav", {"endian": "BIG"}, "big-endian WAV"),
    ],
)
def test_a_recording_with_a_header_is_refused(
    tmp_path: Path, pipe: tuple[BinaryIO, BinaryIO], name: str, settings: dict[str, Any], says: str
) -> None:
    reader, writer = pipe
    writer.write(recording(tmp_path / name, **settings).read_bytes()[:20_000])
    writer.close()
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(InputError, match=says) as caught:
        heard(PcmSource(reader))
    assert "kwsd listen FILE" in str(caught.value)
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"ID3\4\0\0\0\0\1\0", "MP3"),
        (b"\0\0\0\x20ftypM4A ", "MP4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "WebM"),
        (b"dns.\x18\0\0\0\0\1\0\0\3\0\0\0", "AU"),
    ],
)
def test_what_libsndfile_does_not_write_is_told_too(head: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        heard(PcmSource(io.BytesIO(head + bytes(100))))


def test_samples_that_begin_like_an_mpeg_frame_are_samples() -> None:
    noise = SAMPLES.tobytes()
    for head in (
        b"\xff\xfb\x90\x44",
        b"\xff\xf3\x88\xc4",
        b"\xff\xe3\x10\0",
        b"ID3\xff",
        b"RIFF",
        b"fLaC",
        b"\xff" * 4,
    ):
        for rest in (noise, noise[:4]):
            assert heard(PcmSource(io.BytesIO(head + rest))).tobytes() == head + rest

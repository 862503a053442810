"""Raw samples from a pipe, a file or memory, and what is no raw samples."""

from __future__ import annotations

import io
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio import stalling
from kwsd.audio.pcm import PcmSource
from kwsd.errors import InputError


def heard(source: PcmSource) -> NDArray[np.int16]:
    return np.concatenate([np.zeros(0, np.int16), *(block.samples for block in source.blocks())])


SAMPLES = np.random.default_rng(7).integers(-32768, 32768, 50_000).astype("<i2")


def test_bytes_in_memory_and_a_regular_file(tmp_path: Path) -> None:
    np.testing.assert_array_equal(heard(PcmSource(io.BytesIO(SAMPLES.tobytes()))), SAMPLES)
    (tmp_path / "a.pcm").write_bytes(SAMPLES.tobytes())
    with (tmp_path / "a.pcm").open("rb") as file:
        source = PcmSource(file, name="a.pcm")
        np.testing.assert_array_equal(heard(source), SAMPLES)
    assert (source.name, source.live) == ("a.pcm", False)


def test_a_pipe_that_is_written_in_odd_pieces(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reader, writer = pipe
    data = SAMPLES.tobytes()

    def write() -> None:
        for at in range(0, len(data), 4097):
            writer.write(data[at : at + 4097])
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    np.testing.assert_array_equal(heard(PcmSource(reader)), SAMPLES)
    thread.join(PATIENCE_S)


def test_audio_is_handed_on_before_the_pipe_ends(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reader, writer = pipe
    blocks = PcmSource(reader).blocks()
    for number in (1, 2):
        writer.write(np.full(160, number, "<i2").tobytes())
        assert next(blocks).samples.tolist() == [number] * 160
    writer.close()
    assert list(blocks) == []


def test_half_a_sample_at_the_end_is_dropped_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        samples = heard(PcmSource(io.BytesIO(SAMPLES.tobytes() + b"\x01")))
    np.testing.assert_array_equal(samples, SAMPLES)
    assert "inside a sample" in caplog.text


@pytest.mark.parametrize(("data", "says"), [(b"", "before the first sample"), (bytes(100), ""), (b"\1\0", "")])
def test_what_looks_wrong_is_said(data: bytes, says: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(heard(PcmSource(io.BytesIO(data)))) == len(data) // 2
    assert says in caplog.text
    assert bool(caplog.records) == bool(says)


class Logged(logging.Handler):
    """Tells when something is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: queue.SimpleQueue[str] = queue.SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.put(record.getMessage())


@pytest.fixture
def logged() -> Iterator[Logged]:
    log, handler = logging.getLogger("kwsd.audio"), Logged()
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_pipe_without_samples_is_waited_for_aloud(logged: Logged, terminal: bool) -> None:
    writing, reading = os.openpty() if terminal else reversed(os.pipe())
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb"):
        source = PcmSource(reader)
        thread = threading.Thread(target=lambda: list(source.blocks()))
        thread.start()
        said = logged.said.get(timeout=PATIENCE_S)
        source.close()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert said.startswith("stdin: a terminal" if terminal else "stdin: waiting for samples")
    assert "S16_LE, 16 kHz, mono" in said
    assert logged.said.empty()


def test_a_pipe_that_gives_nothing_any_more_is_told_once_and_again_when_it_goes_on(
    pipe: tuple[BinaryIO, BinaryIO], logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalling, "STALLED_S", 0.2)
    reader, writer = pipe
    blocks = PcmSource(reader).blocks()
    writer.write(bytes(320))
    assert len(next(blocks).samples) == 160
    stalled: list[str] = []

    def write_late() -> None:
        with writer:
            stalled.append(logged.said.get(timeout=PATIENCE_S))
            time.sleep(0.8)  # in which it might be told again
            writer.write(bytes(640))

    late = threading.Thread(target=write_late)
    late.start()
    assert sum(len(block.samples) for block in blocks) == 320
    late.join()
    assert stalled[0].startswith("stdin: no samples for 0 s, though it is open")
    assert logged.said.get_nowait().startswith("stdin goes on, after ")
    assert logged.said.empty()


def test_who_reads_slowly_does_not_think_that_the_pipe_is_slow(
    pipe: tuple[BinaryIO, BinaryIO], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(stalling, "time", SimpleNamespace(monotonic=lambda: now))
    reader, writer = pipe
    blocks = PcmSource(reader).blocks()
    writer.write(bytes(320))
    next(blocks)
    now += 1.2 * stalling.STALLED_S
    late = threading.Timer(0.05, lambda: (writer.write(bytes(640)), writer.close()))
    late.start()
    assert sum(len(block.samples) for block in blocks) == 320
    late.join()
    assert not caplog.records


def test_a_pipe_with_samples_is_not_spoken_of(pipe: tuple[BinaryIO, BinaryIO], logged: Logged) -> None:
    reader, writer = pipe
    writer.write(bytes(320))
    writer.close()
    assert len(heard(PcmSource(reader))) == 160
    assert logged.said.empty()


def recording(path: Path, rate: int = 16_000, **settings: Any) -> Path:
    soundfile.write(path, SAMPLES, rate, **settings)
    return path


@pytest.mark.parametrize("piece", [1, 7, 1000, 1_000_000])
@pytest.mark.parametrize("notes", [b"", b"LIST\x05\0\0\0hello\0"])
def test_the_header_of_a_wav_with_just_such_samples_is_passed_over(tmp_path: Path, piece: int, notes: bytes) -> None:
    data = recording(tmp_path / "a.wav").read_bytes()
    data = data[:36] + notes + data[36:]

    class Pieces(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(piece if self.tell() < 200 else size)

    np.testing.assert_array_equal(heard(PcmSource(Pieces(data))), SAMPLES)


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


def test_what_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file, pytest.raises(InputError, match="stdin: cannot be read"):
        heard(PcmSource(file))


def test_in_real_time_it_takes_its_time() -> None:
    begun = time.monotonic()
    assert len(heard(PcmSource(io.BytesIO(bytes(6400)), realtime=True))) == 3200
    assert time.monotonic() - begun >= 0.19

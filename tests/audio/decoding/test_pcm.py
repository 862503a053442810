"""Raw samples from a pipe, a file or memory, and what is no raw samples."""

from __future__ import annotations

import errno
import io
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np
import pytest
from patience import PATIENCE_S
from piped import SAMPLES, heard

from kwsd.audio.decoding import stalling
from kwsd.audio.decoding.pcm import PcmSource
from kwsd.errors import InputError


def test_bytes_in_memory_and_a_regular_file(tmp_path: Path) -> None:
    np.testing.assert_array_equal(heard(PcmSource(io.BytesIO(SAMPLES.tobytes()))), SAMPLES)
    (tmp_path / "a.pcm").write_bytes(SAMPLES.tobytes())
    with (tmp_path / "a.pcm").open("rb") as file:
        source = PcmSource(file)
        np.testing.assert_array_equal(heard(source), SAMPLES)
    assert (source.name, source.live) == ("stdin", False)


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


def test_another_reader_of_the_same_pipe_that_was_faster_is_no_error(
    pipe: tuple[BinaryIO, BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    read = os.read
    refused: list[int] = []

    def second(descriptor: int, size: int) -> bytes:
        if descriptor == reader.fileno() and not refused:
            refused.append(size)
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return read(descriptor, size)

    monkeypatch.setattr("kwsd.audio.decoding.pcm.os.read", second)
    writer.write(bytes(320))
    writer.close()
    assert len(heard(PcmSource(reader))) == 160
    assert len(refused) == 1


def test_what_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file, pytest.raises(InputError, match="stdin: cannot be read"):
        heard(PcmSource(file))


def test_in_real_time_it_takes_its_time() -> None:
    begun = time.monotonic()
    assert len(heard(PcmSource(io.BytesIO(bytes(6400)), realtime=True))) == 3200
    assert time.monotonic() - begun >= 0.19

from __future__ import annotations

import io
import logging
import os
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.napping import Naps
from kwsd.audio.pcm import PcmSource
from kwsd.errors import InputError


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Both ends, the writing one unbuffered."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


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
    thread.join(10)


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


@pytest.mark.parametrize(
    ("data", "says"), [(b"", "before the first sample"), (b"RIFF" + bytes(100), "a WAV file?"), (bytes(100), "")]
)
def test_what_looks_wrong_is_said(data: bytes, says: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(heard(PcmSource(io.BytesIO(data)))) == len(data) // 2
    assert says in caplog.text
    assert bool(caplog.records) == bool(says)


def test_closing_ends_a_read_that_waits(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reader, writer = pipe
    source = PcmSource(reader)
    first = threading.Event()
    blocks: list[int] = []

    def read() -> None:
        for block in source.blocks():
            blocks.append(len(block.samples))
            first.set()

    thread = threading.Thread(target=read)
    thread.start()
    writer.write(bytes(320))
    assert first.wait(10)
    source.close()
    source.close()
    thread.join(10)
    assert not thread.is_alive()
    assert blocks == [160]


def test_a_live_pipe_is_not_read_for_each_block(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reader, writer = pipe
    source = PcmSource(reader, hop=1600)
    ended = threading.Event()

    def write() -> None:
        for at in range(0, len(SAMPLES), 320):
            if ended.wait(0.02):
                break
            writer.write(SAMPLES[at : at + 320].tobytes())

    thread = threading.Thread(target=write)
    thread.start()
    read = [block.samples for block in islice(source.blocks(), 20)]
    ended.set()
    thread.join(10)
    together = np.concatenate(read)
    np.testing.assert_array_equal(together, SAMPLES[: len(together)])
    assert len(together) >= 1.3 * 20 * 320


def test_what_waits_in_a_pipe_is_played_at_the_speed_of_speech_without_naps(
    pipe: tuple[BinaryIO, BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    naps: list[float] = []

    class Watched(Naps):
        def milliseconds(self, *given: Any) -> float:
            naps.append(super().milliseconds(*given))
            return naps[-1]

    monkeypatch.setattr("kwsd.audio.pcm.Naps", Watched)
    writer.write(bytes(6400))
    writer.close()
    assert len(heard(PcmSource(reader, realtime=True, hop=1600))) == 3200
    assert naps == [0.0] * 10


def test_closing_before_reading_ends_it_too(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    source = PcmSource(pipe[0])
    source.close()
    assert list(source.blocks()) == []
    closed = PcmSource(io.BytesIO(bytes(100)))
    closed.close()
    assert list(closed.blocks()) == []


def test_no_descriptor_is_left_open(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reader, writer = pipe
    before = set(Path("/proc/self/fd").iterdir())
    blocks = PcmSource(reader).blocks()
    writer.write(bytes(320))
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_pipe_in_non_blocking_mode_is_waited_for(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reader, writer = pipe
    os.set_blocking(reader.fileno(), False)
    thread = threading.Timer(0.05, lambda: (writer.write(bytes(320)), writer.close()))
    thread.start()
    assert len(heard(PcmSource(reader))) == 160
    thread.join(10)


def test_what_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file, pytest.raises(InputError, match="stdin: cannot be read"):
        heard(PcmSource(file))


def test_in_real_time_it_takes_its_time() -> None:
    begun = time.monotonic()
    assert len(heard(PcmSource(io.BytesIO(bytes(6400)), realtime=True))) == 3200
    assert time.monotonic() - begun >= 0.19

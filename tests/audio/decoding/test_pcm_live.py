"""A pipe that somebody still writes to: how it is waited for, rested from, and closed."""

from __future__ import annotations

import io
import os
import queue
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.decoding.pcm import PcmSource
from kwsd.audio.read_delay import ReadDelay
from kwsd.audio.wake_schedule import WakeSchedule


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
    assert first.wait(PATIENCE_S)
    source.close()
    source.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert blocks == [160]


def test_a_live_pipe_is_not_read_for_each_block(
    pipe: tuple[BinaryIO, BinaryIO], noise: Callable[[int], NDArray[np.int16]]
) -> None:
    reader, writer = pipe
    spoken = noise(50_000)
    source = PcmSource(reader, schedule=WakeSchedule(1600))
    ended = threading.Event()

    def write() -> None:
        due = time.monotonic()
        for at in range(0, len(spoken), 320):
            due += 0.02  # a device's clock does not wait for a busy machine
            if ended.wait(max(0.0, due - time.monotonic())):
                break
            writer.write(spoken[at : at + 320].tobytes())

    thread = threading.Thread(target=write)
    thread.start()
    read = [block.samples for block in islice(source.blocks(), 20)]
    ended.set()
    thread.join(PATIENCE_S)
    together = np.concatenate(read)
    np.testing.assert_array_equal(together, spoken[: len(together)])
    assert len(together) >= 1.3 * 20 * 320


def test_speech_breaks_off_a_delay(pipe: tuple[BinaryIO, BinaryIO], monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = pipe
    spans: list[int] = []
    blocks: queue.SimpleQueue[int] = queue.SimpleQueue()

    class Endless(ReadDelay):
        def milliseconds(self, *_: Any) -> float:
            spans.append(self.span)
            return 600_000.0

    monkeypatch.setattr("kwsd.audio.decoding.pcm.ReadDelay", Endless)
    schedule = WakeSchedule(1600)
    schedule.wake_at(None)
    source = PcmSource(reader, schedule=schedule)

    def read() -> None:
        for block in source.blocks():
            blocks.put(len(block.samples))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        writer.write(bytes(320))
        assert blocks.get(timeout=PATIENCE_S) == 160
        schedule.wake_at(1)
        writer.write(bytes(640))
        assert blocks.get(timeout=PATIENCE_S) == 320
    finally:
        source.close()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert spans[1] == 1600


def test_what_waits_in_a_pipe_is_played_at_the_speed_of_speech_without_delays(
    pipe: tuple[BinaryIO, BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    delay: list[float] = []

    class Watched(ReadDelay):
        def milliseconds(self, *given: Any) -> float:
            delay.append(super().milliseconds(*given))
            return delay[-1]

    monkeypatch.setattr("kwsd.audio.decoding.pcm.ReadDelay", Watched)
    writer.write(bytes(6400))
    writer.close()
    source = PcmSource(reader, realtime=True, schedule=WakeSchedule(1600))
    assert sum(len(block.samples) for block in source.blocks()) == 3200
    assert delay == [0.0] * 10


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
    assert sum(len(block.samples) for block in PcmSource(reader).blocks()) == 160
    thread.join(PATIENCE_S)

"""A microphone whose reader wants audio at its wake-ups alone: it sleeps, and is there when one is due."""

from __future__ import annotations

import queue
import select
import threading
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.audio.capture.handle import CaptureHandle
from kwsd.audio.read_delay import ReadDelay
from kwsd.audio.source import Block
from kwsd.audio.wake_schedule import WakePoints, WakeSchedule
from kwsd.events import DeviceLost, DeviceRestored


def test_a_reader_of_hops_is_not_woken_for_each_block(
    listen: Callable[..., Any], sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[tuple[int, int]] = []
    reads: list[int] = []

    def want(capture: CaptureHandle, looks: WakePoints, first: int) -> None:
        wanted.append((looks.span, first))
        want_before(capture, looks, first)

    def read(capture: CaptureHandle, *given: Any) -> bool:
        reads.append(1)
        return read_before(capture, *given)

    want_before, read_before = CaptureHandle.want, CaptureHandle._read
    monkeypatch.setattr(CaptureHandle, "want", want)
    monkeypatch.setattr(CaptureHandle, "_read", read)
    schedule = WakeSchedule(1760)  # of which no whole number of longer blocks is made
    _, blocks = listen("mic", schedule=schedule)
    next(blocks)
    reads.clear()
    heard = list(islice(blocks, 50))
    assert {(len(block.samples), block.lost) for block in heard} == {(320, 0)}
    assert len(reads) < 0.8 * len(heard)
    sound.set("Other")
    blocks.until(DeviceLost)
    sound.set()
    restored, _, _ = blocks.until(DeviceRestored)
    list(islice(blocks, 2))
    schedule.wake_at(None)
    list(islice(blocks, 2))
    schedule.wake_at(1)
    next(blocks)
    assert wanted == [(1760, 0), *((span, restored.at) for span in (1760, 3520, 1760))]


def test_blocks_end_where_hops_do_also_after_a_loss(listen: Callable[..., Any], sound: Any) -> None:
    _, blocks = listen("mic", schedule=WakeSchedule(1600))
    assert [len(block.samples) for block in islice(blocks, 3)] == [800] * 3
    sound.set("Other")
    blocks.until(DeviceLost)
    sound.set()
    restored, _, _ = blocks.until(DeviceRestored)
    assert restored.at % 800 == 0
    assert [len(block.samples) for block in islice(blocks, 3)] == [800] * 3


def test_speech_breaks_off_a_delay(listen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(ReadDelay):
        def milliseconds(self, *_: Any) -> float:
            return 600_000.0

    monkeypatch.setattr("kwsd.audio.capture.read_scheduler.ReadDelay", Endless)
    schedule = WakeSchedule(1600)
    schedule.wake_at(None)
    microphone, blocks = listen(schedule=schedule)
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        for item in blocks:
            heard.put(item)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert isinstance(heard.get(timeout=PATIENCE_S), Block)
        schedule.wake_at(1)
        assert isinstance(heard.get(timeout=PATIENCE_S), Block)
    finally:
        microphone.close()
        thread.join(PATIENCE_S)
    schedule.wake_at(None)
    schedule.wake_at(1)  # nobody is there to be woken


def test_speech_wakes_capture_where_the_daemon_waits_for_it(
    listen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Awake(ReadDelay):
        def milliseconds(self, *_: Any) -> float:
            return 0.0

    monkeypatch.setattr("kwsd.audio.capture.read_scheduler.ReadDelay", Awake)
    happened: queue.SimpleQueue[Any] = queue.SimpleQueue()
    want_before = CaptureHandle.want

    def want(capture: CaptureHandle, looks: WakePoints, first: int) -> None:
        want_before(capture, looks, first)
        happened.put(looks.span)

    def sleep(seconds: float, capture: CaptureHandle) -> Any:
        happened.put("waits")
        woken = sleep_before(seconds, capture)
        happened.put("hears" if select.select([capture], [], [], 0)[0] else "is roused")
        return woken

    def until(what: object) -> set[Any]:
        return set(iter(lambda: happened.get(timeout=PATIENCE_S), what))

    monkeypatch.setattr(CaptureHandle, "want", want)
    schedule = WakeSchedule(1600)
    microphone, blocks = listen(schedule=schedule)
    sleep_before, microphone._reads._sleep = microphone._reads._sleep, sleep
    thread = threading.Thread(target=lambda: list(blocks))
    thread.start()
    try:
        for _ in range(20):
            schedule.wake_at(None)
            until("waits")
            schedule.wake_at(1)
            if until(1600) == {"is roused"}:
                break  # without that it is told when the next block has come, as one may have just now, by chance
        else:
            pytest.fail("it was never roused")
    finally:
        microphone.close()
        thread.join(PATIENCE_S)

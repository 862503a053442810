"""A microphone whose reader wants nothing but looks: it naps, dozes, and is there when one is due."""

from __future__ import annotations

import queue
import select
import threading
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.audio.capture_handle import CaptureHandle
from kwsd.audio.dozing import Doze, Looks
from kwsd.audio.napping import Naps
from kwsd.audio.source import Block
from kwsd.events import DeviceLost, DeviceRestored


def test_a_reader_of_hops_is_not_woken_for_each_block(
    listen: Callable[..., Any], sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[tuple[int, int]] = []
    reads: list[int] = []

    def want(capture: CaptureHandle, looks: Looks, first: int) -> None:
        wanted.append((looks.span, first))
        want_before(capture, looks, first)

    def read(capture: CaptureHandle, *given: Any) -> bool:
        reads.append(1)
        return read_before(capture, *given)

    want_before, read_before = CaptureHandle.want, CaptureHandle._read
    monkeypatch.setattr(CaptureHandle, "want", want)
    monkeypatch.setattr(CaptureHandle, "_read", read)
    doze = Doze(1760)  # of which no whole number of longer blocks is made
    _, blocks = listen("mic", doze=doze)
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
    doze.look(None)
    list(islice(blocks, 2))
    doze.look(1)
    next(blocks)
    assert wanted == [(1760, 0), *((span, restored.at) for span in (1760, 3520, 1760))]


def test_blocks_end_where_hops_do_also_after_a_loss(listen: Callable[..., Any], sound: Any) -> None:
    _, blocks = listen("mic", doze=Doze(1600))
    assert [len(block.samples) for block in islice(blocks, 3)] == [800] * 3
    sound.set("Other")
    blocks.until(DeviceLost)
    sound.set()
    restored, _, _ = blocks.until(DeviceRestored)
    assert restored.at % 800 == 0
    assert [len(block.samples) for block in islice(blocks, 3)] == [800] * 3


def test_the_end_of_a_doze_breaks_off_a_nap(listen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Naps):
        def milliseconds(self, *_: Any) -> float:
            return 600_000.0

    monkeypatch.setattr("kwsd.audio.microphone.Naps", Endless)
    doze = Doze(1600)
    doze.look(None)
    microphone, blocks = listen(doze=doze)
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        for item in blocks:
            heard.put(item)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert isinstance(heard.get(timeout=PATIENCE_S), Block)
        doze.look(1)
        assert isinstance(heard.get(timeout=PATIENCE_S), Block)
    finally:
        microphone.close()
        thread.join(PATIENCE_S)
    doze.look(None)
    doze.look(1)  # nobody is there to be woken


def test_the_end_of_a_doze_wakes_capture_where_the_daemon_waits_for_it(
    listen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Awake(Naps):
        def milliseconds(self, *_: Any) -> float:
            return 0.0

    monkeypatch.setattr("kwsd.audio.microphone.Naps", Awake)
    happened: queue.SimpleQueue[Any] = queue.SimpleQueue()
    want_before = CaptureHandle.want

    def want(capture: CaptureHandle, looks: Looks, first: int) -> None:
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
    doze = Doze(1600)
    microphone, blocks = listen(doze=doze)
    sleep_before, microphone._sleep = microphone._sleep, sleep
    thread = threading.Thread(target=lambda: list(blocks))
    thread.start()
    try:
        for _ in range(20):
            doze.look(None)
            until("waits")
            doze.look(1)
            if until(1600) == {"is roused"}:
                break  # without that it is told when the next block has come, as one may have just now, by chance
        else:
            pytest.fail("it was never roused")
    finally:
        microphone.close()
        thread.join(PATIENCE_S)

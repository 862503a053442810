"""A microphone that is lost, to whatever took it away, and found again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count, takewhile
from types import SimpleNamespace
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.audio.capture import timeouts
from kwsd.audio.capture.timeouts import CaptureTimeouts
from kwsd.audio.source import Block, SearchFailed
from kwsd.events import DeviceLost, DeviceRestored


def capture_of(children: Callable[[], set[int]], before: set[int]) -> int:
    (pid,) = children() - before
    return pid


def test_an_unplugged_device_is_found_again_under_another_number(listen: Callable[..., Any], sound: Any) -> None:
    for wanted in ("0", "Mic (hw:1,0)", "mic"):
        sound.set("Mic (hw:1,0)")
        _, blocks = listen(wanted)
        first = [next(blocks) for _ in range(5)]
        sound.set("Webcam (hw:0,0)")
        lost, heard, _ = blocks.until(DeviceLost)
        assert lost.at == 320 * (len(first) + len(heard))
        assert "broke off" in lost.reason
        sound.set("Webcam (hw:0,0)", "Mic (hw:2,0)", level=7)
        restored, heard, others = blocks.until(DeviceRestored)
        assert (heard, others) == ([], [])
        assert restored.at == lost.at + restored.samples
        block = next(blocks)
        assert block.lost == restored.samples > 0
        assert (block.samples == 7).all()
        assert next(blocks).lost == 0


def test_what_the_device_drops_is_told_from_what_is_lost_with_it(listen: Callable[..., Any], sound: Any) -> None:
    _, blocks = listen()
    assert not next(blocks).overflow
    sound.set(overflow=True)
    dropped = next(block for block in blocks if block.overflow)
    assert dropped.lost == 320
    sound.set("Other")
    blocks.until(DeviceLost)
    sound.set()
    blocks.until(DeviceRestored)
    block = next(blocks)
    assert block.lost > 0
    assert not block.overflow


def test_a_stream_that_stops_calling_is_replaced(listen: Callable[..., Any], sound: Any) -> None:
    _, blocks = listen(timeouts=CaptureTimeouts(stall_s=0.5, first_pause_s=0.05, last_pause_s=0.2))
    next(blocks)
    sound.set(hangs="reading")
    lost, _, _ = blocks.until(DeviceLost)
    assert "no audio (0.5 s)" in lost.reason
    sound.set()
    assert blocks.until(DeviceRestored)[0].samples > 8000


@pytest.mark.parametrize(
    ("number", "stall_s", "why"),
    [
        (signal.SIGSTOP, 0.5, "no audio"),
        (signal.SIGKILL, PATIENCE_S, "signal 9"),
        (signal.SIGABRT, PATIENCE_S, "signal 6): is ALSA's configuration whole"),
    ],
)
def test_capture_that_hangs_or_dies_is_replaced(
    listen: Callable[..., Any], children: Callable[[], set[int]], number: signal.Signals, stall_s: float, why: str
) -> None:
    before = children()
    _, blocks = listen(timeouts=CaptureTimeouts(stall_s=stall_s, first_pause_s=0.05, last_pause_s=0.2))
    next(blocks)
    first = capture_of(children, before)
    os.kill(first, number)
    lost, _, _ = blocks.until(DeviceLost)
    assert why in lost.reason
    blocks.until(DeviceRestored)
    assert capture_of(children, before) != first
    assert isinstance(next(blocks), Block)


@pytest.mark.parametrize("trouble", [{"hangs": "probing"}, {"crashes": True}, {"fault": True}])
def test_each_attempt_that_is_answered_is_told_and_none_that_hangs_or_dies(
    listen: Callable[..., Any], sound: Any, trouble: dict[str, Any]
) -> None:
    microphone, blocks = listen("mic")
    next(blocks)
    sound.set("Other")
    blocks.until(DeviceLost)
    assert [next(blocks) for _ in range(2)] == [SearchFailed()] * 2
    attempts: list[str] = []
    quick = microphone._timeouts
    begin = microphone._start

    def start(known: str) -> Any:
        attempts.append(known)
        if len(attempts) == 3:
            sound.set()
            microphone._timeouts = quick
        return begin(known)

    microphone._start = start
    sound.set("Other", **trouble)
    microphone._timeouts = replace(quick, start_s=1.0)
    assert list(takewhile(lambda item: not isinstance(item, DeviceRestored), blocks)) == []
    assert attempts == ["Mic (hw:1,0)"] * 3


def test_processes_that_cannot_be_killed_do_not_pile_up(
    listen: Callable[..., Any], sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone, blocks = listen()
    next(blocks)
    quick, begin = microphone._timeouts, microphone._start
    left: list[subprocess.Popen[bytes]] = []
    alive: list[int] = []

    def stuck() -> list[int]:
        return [process.pid for process in left if process.poll() is None]

    def start(known: str) -> Any:
        alive.append(len(stuck()))
        if len(alive) == 6:
            sound.set()  # the driver answers again, and those that waited for it end
            microphone._timeouts = quick
        return begin(known)

    sound.set("Other", hangs="probing")
    blocks.until(DeviceLost)
    microphone._start = start
    microphone._timeouts = replace(quick, start_s=0.05)
    with monkeypatch.context() as patched:
        patched.setattr("kwsd.audio.capture.microphone._MOST_STUCK", 3)
        patched.setattr("kwsd.audio.capture.microphone.stuck_in_kernel", stuck)
        patched.setattr("kwsd.audio.capture.handle._REAP_S", 0.0)
        patched.setattr("subprocess.Popen.kill", lambda process: left.append(process))
        blocks.until(DeviceRestored)
    for process in left:
        process.wait(PATIENCE_S)
    assert alive[:6] == [0, 1, 2, 3, 3, 3]


def test_probing_that_hangs_is_tried_again(listen: Callable[..., Any], sound: Any) -> None:
    _, blocks = listen(timeouts=CaptureTimeouts(start_s=15.0, stall_s=0.5, first_pause_s=0.05, last_pause_s=0.2))
    next(blocks)
    sound.set(hangs="probing")  # streams that are open go on; so end this one
    sound.set("Other", hangs="probing")
    blocks.until(DeviceLost)
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(blocks.until(DeviceRestored)))
    waiting.start()
    sound.set()
    waiting.join(PATIENCE_S)
    assert found


def test_blocks_that_are_read_late_leave_the_positions_in_step_with_the_clock(
    listen: Callable[..., Any], sound: Any
) -> None:
    clock = SimpleNamespace(now=1000.0)
    _, blocks = listen(clocks=lambda: (clock.now, 0.0))
    for _ in range(5):
        next(blocks)
        clock.now += 0.02
    clock.now += 60
    next(blocks)
    sound.set("Other (hw:9,0)")
    blocks.until(DeviceLost)
    clock.now += 40
    sound.set()
    restored, _, _ = blocks.until(DeviceRestored)
    assert restored.at == pytest.approx(100 * 16_000, abs=4_000)


class Sleeper:
    """The clocks of a machine that was suspended for `slept_s` seconds, and of which each look takes 20 ms."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self._looks = count()

    def __call__(self) -> tuple[float, float]:
        return 1000 + 0.02 * next(self._looks) + self.slept_s, self.slept_s


def test_after_a_suspend_it_starts_on_fresh_audio(listen: Callable[..., Any], children: Callable[[], set[int]]) -> None:
    sleeper = Sleeper()
    before = children()
    _, blocks = listen(clocks=sleeper)
    for _ in range(5):
        next(blocks)
    first = capture_of(children, before)
    sleeper.slept_s = 3600.0
    lost, heard, _ = blocks.until(DeviceLost)
    assert heard == []
    assert lost.reason == "the machine slept for 3600 s"
    restored, _, _ = blocks.until(DeviceRestored)
    assert restored.samples == pytest.approx(3600 * 16_000, abs=16_000)
    assert capture_of(children, before) != first


def test_a_sleep_while_it_is_lost_costs_no_second_capture(
    listen: Callable[..., Any], children: Callable[[], set[int]], sound: Any
) -> None:
    sleeper = Sleeper()
    before = children()
    _, blocks = listen(clocks=sleeper)
    next(blocks)
    sound.set("Other (hw:9,0)")
    blocks.until(DeviceLost)
    sleeper.slept_s = 3600.0
    sound.set()
    blocks.until(DeviceRestored)
    back = capture_of(children, before)
    heard = [next(blocks) for _ in range(5)]
    assert all(isinstance(block, Block) for block in heard)
    assert capture_of(children, before) == back


def test_what_other_streams_hear_brings_no_search_forward(listen: Callable[..., Any]) -> None:
    microphone, _ = listen()
    microphone._reads._rescheduled.wake()
    began = time.monotonic()
    assert not microphone._woken.wait(0.2)
    assert time.monotonic() - began > 0.19
    assert microphone._reads._sleep(1000.0)  # as soon as it may, it knows


def test_a_thread_that_waits_between_two_clocks_has_not_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    awake = iter([100.0, 103.0, 103.0, 103.001])  # three seconds of another thread's
    boot = iter([150.0, 153.0])
    names = SimpleNamespace(monotonic=lambda: next(awake), clock_gettime=lambda _: next(boot), CLOCK_BOOTTIME=7)
    monkeypatch.setattr(timeouts, "time", names)
    assert timeouts.clocks() == (153.0, pytest.approx(50.0, abs=0.01))

"""How many windows come at once, and how far apart, where they take long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.adaptive_hop import AdaptiveHop
from kwsd.audio.windowing.reader import LATE, Reader
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import windows
from kwsd.samples import RATE

Counts = Callable[[Iterator[list[Window]], int, float], list[int]]


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """How many windows each of the next batches has, whose reader takes so many seconds a window."""
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("kwsd.audio.windowing.windows.time", clock)

    def count(cut: Iterator[list[Window]], batches: int, window_s: float) -> list[int]:
        taken = []
        for _ in range(batches):
            taken.append(len(next(cut)))
            clock.now += window_s * taken[-1]
        return taken

    return count


def test_an_adaptive_hop_widens_without_a_gap_and_narrows_it_again() -> None:
    ring = Ring(160_000)
    adaptive = AdaptiveHop(1600, clock=lambda: ring.written / RATE)
    cut = windows({"a": ring}, hop=1600, adaptive={"a": adaptive}, batch=1)
    ends, hops = [0], []

    def take() -> None:
        (window,) = next(cut)
        assert window.lost == 0
        assert window.end == ends[-1] + window.hop  # what the gate hears has neither hole nor overlap
        np.testing.assert_array_equal(window.samples[-window.hop :], np.arange(ends[-1], window.end) % 30_000)
        ends.append(window.end)
        hops.append(window.hop)

    def write(samples: int) -> None:
        at = ring.written
        assert ring.write((np.arange(at, at + samples) % 30_000).astype(np.int16), wait=False)

    write(1600)
    take()
    write(64_000)
    take()
    write(33_600)  # two seconds later it is still more than one behind
    take()
    while ends[-1] + 6400 <= ring.written:
        take()
    assert hops == [1600, 1600, *[3200] * (len(hops) - 2)]
    for _ in range(400):
        write(1600)
        while ends[-1] + adaptive.hop <= ring.written:
            take()
    assert hops[-1] == 1600


def test_what_is_lost_is_nothing_to_catch_up_with() -> None:
    ring = Ring(160_000)
    adaptive = AdaptiveHop(1600, clock=lambda: ring.written / RATE)
    cut = windows({"a": ring}, hop=1600, adaptive={"a": adaptive}, batch=1)
    heard = 0
    for _ in range(4):  # a microphone that goes and comes, and a reader that takes every window at once
        ring.write(np.ones(16_000, np.int16), wait=False)
        while heard + adaptive.hop <= ring.written:
            heard = next(cut)[0].end
        ring.skip(20_800)
    assert adaptive.hop == 1600


def reader_of(ring: Ring, adaptive: AdaptiveHop) -> Reader:
    return Reader("a", ring, 800, (RATE, RATE), 0, WakeSchedule(800), adaptive, 0)


def test_a_gap_that_was_heard_leaves_what_is_behind_as_it_is() -> None:
    ring = Ring(10 * RATE)
    adaptive = AdaptiveHop(800, clock=lambda: ring.written / RATE)
    reader = reader_of(ring, adaptive)
    ring.skip(RATE)
    ring.write(np.ones(800, np.int16), wait=False)
    assert [window.lost for window in reader.take(20)] == [RATE]
    for seconds in (1.5, 2.0):  # the ring still holds the gap
        ring.write(np.ones(round(seconds * RATE), np.int16), wait=False)
        reader.due(20)
    assert adaptive.hop == 1600


@pytest.mark.parametrize(("over", "hop"), [(False, 1600), (True, 800)])
def test_who_is_behind_where_the_stream_ends_has_no_more_to_keep_up_with(over: bool, hop: int) -> None:
    ring = Ring(10 * RATE)
    adaptive = AdaptiveHop(800, clock=lambda: ring.written / RATE)
    reader = reader_of(ring, adaptive)
    for seconds in (1.5, 2.0):
        ring.write(np.ones(round(seconds * RATE), np.int16), wait=False)
        if over and seconds == 2.0:
            ring.close()
        reader.due(20)
    assert adaptive.hop == hop


def test_with_a_wide_hop_the_reader_is_woken_once_a_hop_and_not_late_sooner() -> None:
    ring, adaptive, wakes = Ring(10 * RATE), AdaptiveHop(800), []
    adaptive.hop = 3200
    reader = reader_of(ring, adaptive)
    ring.write(np.ones(3200 + LATE, np.int16), wait=False)
    assert reader.due(1) == 1
    assert [(window.end, window.late) for window in reader.take(1)] == [(3200, False)]
    ring.attach(lambda: wakes.append(ring.written))
    heard = [window.end for window in reader.take(20)][-1]
    for _ in range(4):
        ring.write(np.ones(800, np.int16), wait=False)
    assert wakes == [heard + 3200]


def test_with_a_wide_hop_a_window_is_taken_of_whose_hop_only_the_last_part_is_missing() -> None:
    ring, adaptive = Ring(10 * RATE), AdaptiveHop(800)
    adaptive.hop = 1600
    reader = reader_of(ring, adaptive)
    ring.write(np.ones(800, np.int16), wait=False)
    ring.skip(800)
    assert reader.due(20) == 1
    assert [(window.end, window.lost) for window in reader.take(20)] == [(1600, 800)]


def test_what_comes_just_before_it_is_expected_is_due_at_once() -> None:
    """It woke nobody, so nobody would look until more comes."""

    class Early(Ring):
        def expect(self, position: int, latest: int = 0) -> None:
            self.write(np.ones(800, np.int16), wait=False)
            super().expect(position, latest)

    assert reader_of(Early(10 * RATE), AdaptiveHop(800)).due(20) == 1


def test_what_comes_just_before_a_look_is_seen_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its wake-up is forgotten, and no other one follows where the writer waits for room, or has closed."""
    ring = Ring(2 * RATE)

    class Forgets(threading.Event):
        def clear(self) -> None:
            ring.write(np.ones(800, np.int16), wait=False)
            super().clear()

        def wait(self, *_: object) -> bool:
            raise AssertionError("nobody would wake it")

    monkeypatch.setattr("kwsd.audio.windowing.windows.threading", SimpleNamespace(Event=Forgets))
    assert [window.end for window in next(windows({"a": ring}, hop=800))] == [800]


def test_a_slow_machine_gets_few_live_windows_at_once(counts: Counts) -> None:
    ring = Ring(320_000)
    cut = windows({"a": ring}, hop=1600, adaptive={"a": AdaptiveHop(1600)}, batch=16)
    ring.write(np.ones(64_000, np.int16), wait=False)
    assert counts(cut, 2, 0.01) == [1, 2]  # it takes a few to know the machine
    assert counts(cut, 2, 2.2) == [4, 1]
    assert counts(cut, 2, 0.04) == [1, 2]
    ring.write(np.ones(160_000, np.int16), wait=False)
    assert counts(cut, 3, 0.04) == [2, 2, 2]  # a word is published after a tenth of a second, not after two


def test_live_windows_are_late_where_the_machine_is_behind_and_not_where_it_slept_on() -> None:
    def lateness(adaptive: bool, behind: int, span: int | None = 1) -> list[bool]:
        ring, schedule = Ring(320_000), WakeSchedule(800)
        schedule.wake_at(span)
        hops = {"a": AdaptiveHop(800)} if adaptive else None
        cut = windows({"a": ring}, hop=800, adaptive=hops, schedule=schedule, batch=32)
        ring.write(np.ones(behind + 800, np.int16), wait=False)
        return [window.late for window in next(cut)]

    assert lateness(True, 3200) == [False]
    assert lateness(True, 4000) == [True]
    assert lateness(False, 16_000) == 21 * [False]
    assert lateness(True, 16_000, None) == [False]


def test_a_slow_network_gets_fewer_windows_of_a_recording_at_once(counts: Counts) -> None:
    ring = Ring(320_000)
    cut = windows({"a": ring}, hop=1600, batch=64)
    ring.write(np.ones(150 * 1600, np.int16), wait=False)
    assert counts(cut, 1, 0.0) == [32]
    assert counts(cut, 2, 0.5) == [64, 4]

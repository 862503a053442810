"""A reader that sleeps on while the writer of its ring hears nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.adaptive_hop import AdaptiveHop
from kwsd.audio.windowing.reader import Reader
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.wake_condition import WakeCondition
from kwsd.audio.windowing.windows import windows
from kwsd.samples import RATE

Samples = NDArray[np.int16]
LENGTH, HOP = 100, 10
LOUD = 1000


def loud(samples: Samples) -> bool:
    return bool((abs(samples) >= LOUD).any())


def block(level: int = 0) -> Samples:
    return np.full(HOP, level, np.int16)


def wakes(ring: Ring, blocks: list[int]) -> list[int]:
    """How much there was, in blocks, whenever the reader was woken while blocks of these levels came."""
    found: list[int] = []
    ring.attach(lambda: found.append(ring.written // HOP))
    for level in blocks:
        ring.write(block(level), wait=False)
    return found


@pytest.mark.parametrize(
    ("blocks", "woken"),
    [
        ([0] * 10, [9, 10]),
        ([0, 0, 0, LOUD, 0], [4, 5]),
        ([LOUD, 0, 0, 0], [3, 4]),  # never before the first that is expected
        ([0, 0, LOUD, 0], [3, 4]),
    ],
)
def test_it_is_woken_by_the_probe_or_at_the_latest(blocks: list[int], woken: list[int]) -> None:
    ring = Ring(100 * HOP, loud)
    ring.expect(3 * HOP, 9 * HOP)
    assert wakes(ring, blocks) == woken


def test_what_was_heard_counts_for_one_look() -> None:
    ring = Ring(100 * HOP, loud)
    ring.expect(3 * HOP, 9 * HOP)
    assert wakes(ring, [LOUD, 0, 0]) == [3]
    ring.expect(3 * HOP, 9 * HOP)  # it has not taken them yet
    assert wakes(ring, [0]) == [4]
    ring.expect(6 * HOP, 12 * HOP)
    assert wakes(ring, [0] * 8) == [12]


def test_a_probe_hears_all_that_comes_while_the_reader_sleeps() -> None:
    asked: list[int] = []
    ring = Ring(100 * HOP, lambda samples: asked.append(len(samples)) or loud(samples))  # type: ignore[func-returns-value] # a list's append gives None
    ring.expect(3 * HOP, 3 * HOP)
    wakes(ring, [0, 0])
    assert asked == []
    ring.expect(4 * HOP, 9 * HOP)
    wakes(ring, [0, LOUD, LOUD])
    assert asked == [HOP, HOP, HOP]


def test_the_reader_does_not_wait_for_the_probe() -> None:
    seen: list[int] = []

    def probe(_: Samples) -> bool:
        reader = threading.Thread(target=lambda: seen.append(ring.state().written))
        reader.start()
        reader.join(PATIENCE_S)
        return False

    ring = Ring(100 * HOP, probe)
    ring.expect(3 * HOP, 9 * HOP)
    wakes(ring, [0, 0])
    assert seen == [HOP, 2 * HOP]


def test_an_answer_that_comes_after_the_reader_went_on_wakes_it_early_once() -> None:
    def probe(samples: Samples) -> bool:
        if loud(samples):
            ring.expect(4 * HOP, 9 * HOP)  # the reader took them meanwhile
        return loud(samples)

    ring = Ring(100 * HOP, probe)
    ring.expect(3 * HOP, 9 * HOP)
    assert wakes(ring, [0, LOUD, 0, 0]) == [4]
    ring.expect(6 * HOP, 9 * HOP)
    assert wakes(ring, [0] * 5) == [9]


def test_without_a_probe_it_is_woken_for_the_first_that_is_expected() -> None:
    ring = Ring(100 * HOP)
    ring.expect(3 * HOP, 9 * HOP)
    assert wakes(ring, [0] * 4) == [3, 4]


def test_no_ring_runs_half_full_for_its_sake() -> None:
    ring = Ring(8 * HOP, loud)
    ring.expect(2 * HOP, 100 * HOP)
    assert wakes(ring, [0] * 5) == [4, 5]


def test_what_is_lost_wakes_it_at_once() -> None:
    ring = Ring(100 * HOP, loud)
    ring.expect(3 * HOP, 9 * HOP)
    found: list[int] = []
    ring.attach(lambda: found.append(ring.written))
    ring.skip(HOP)
    assert found == [HOP]


@pytest.mark.parametrize("probe", [loud, lambda _: True, lambda _: False])
@pytest.mark.parametrize("size", [7, 30, 500])
def test_the_windows_are_the_same(probe: Callable[[Samples], bool], size: int) -> None:
    samples = np.where(np.arange(2005) % 400 < 50, LOUD, 1).astype(np.int16)

    def cut(ring: Ring, schedule: WakeSchedule) -> list[tuple[int, bytes]]:
        def fill() -> None:
            for at in range(0, len(samples), size):
                ring.write(samples[at : at + size], wait=True)
            ring.close()

        thread = threading.Thread(target=fill)
        thread.start()
        found = []
        for batch in windows({"a": ring}, hop=HOP, length=LENGTH, tail=30, schedule=schedule):
            found += [(window.end, window.samples.tobytes()) for window in batch]
            schedule.wake_at(None)
        thread.join(PATIENCE_S)
        return found

    assert cut(Ring(4 * LENGTH, probe), WakeSchedule(HOP, longest=3 * HOP)) == cut(Ring(4 * LENGTH), WakeSchedule(HOP))


@pytest.mark.parametrize(("seconds", "widens"), [(1.1, False), (2.0, True)])
def test_who_sleeps_on_is_not_behind_for_it(seconds: float, widens: bool) -> None:
    changes: list[int] = []
    ring, schedule = Ring(10 * RATE, lambda _: False), WakeSchedule(800)
    adaptive = AdaptiveHop(
        800, changed=lambda _at, hop, _behind: changes.append(hop), clock=lambda: ring.written / RATE
    )
    reader = Reader("a", ring, 800, (RATE, RATE), 0, schedule, adaptive, 0)
    schedule.wake_at(None)
    for _ in range(60):
        reader.due(20)
        ring.write(np.zeros(round(seconds * RATE), np.int16), wait=False)  # 0.9 s are slept through
        while due := reader.due(20):
            reader.take(due)
    assert bool(changes) == widens


def test_nobody_is_woken_before_the_first_samples_that_are_expected() -> None:
    condition = WakeCondition(loud)
    condition.expect(100, 50)
    assert (condition.is_met(99), condition.is_met(100)) == (False, True)

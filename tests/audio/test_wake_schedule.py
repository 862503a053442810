"""How far apart the looks at the audio lie."""

from __future__ import annotations

import pytest

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.adaptive_hop import BEHIND


@pytest.mark.parametrize(("hop", "span"), [(160, 4800), (800, 4800), (1600, 4800), (1760, 3520), (8000, 8000), (0, 0)])
def test_in_silence_wake_ups_lie_as_many_hops_apart_as_fit_into_300_ms(hop: int, span: int) -> None:
    schedule = WakeSchedule(hop)
    assert schedule.span == hop
    schedule.wake_at(None)
    assert schedule.span == span
    schedule.wake_at(1)
    assert schedule.span == hop


@pytest.mark.parametrize(
    ("span", "looks"),
    [(1, 800), (800, 800), (4000, 4000), (4800, 4800), (5600, 800), (8000, 4000), (16_000, 4000), (4500, 800)],
)
def test_wake_ups_fall_on_the_windows_that_matter_and_no_further_apart_than_in_silence(span: int, looks: int) -> None:
    schedule = WakeSchedule(800)
    schedule.wake_at(span)
    assert schedule.span == looks
    assert not schedule.points.idle


@pytest.mark.parametrize(
    ("hop", "block_ms"),
    [(160, 20), (320, 20), (800, 50), (1280, 40), (1600, 50), (1920, 40), (1760, 20), (4000, 50), (0, 20)],
)
def test_blocks_are_as_long_as_one_can_be_at_whose_end_each_hop_ends(hop: int, block_ms: int) -> None:
    assert WakeSchedule(hop).block_ms == block_ms


def test_who_brings_the_samples_is_woken_at_its_end_alone() -> None:
    schedule, woken = WakeSchedule(1600), []
    schedule.attach(lambda: woken.append(schedule.span))
    for span in (1, None, None, 3200, 3200, None, 1, 1, None):
        schedule.wake_at(span)
    assert woken == [3200, 1600]


def test_a_sleeper_wakes_when_all_has_come_and_who_is_awake_before() -> None:
    schedule = WakeSchedule(1600)
    assert schedule.points.early_s > 0
    schedule.wake_at(None)
    assert schedule.points.early_s < 0
    assert schedule.points.idle
    schedule.wake_at(1)
    assert schedule.points.early_s > 0


@pytest.mark.parametrize("hop", [3200, 8000])
def test_where_no_two_hops_fit_into_the_longest_sleep_each_of_them_is_looked_at(hop: int) -> None:
    schedule = WakeSchedule(hop)
    schedule.wake_at(None)
    assert (schedule.span, schedule.points.idle) == (hop, False)
    schedule.wake_at(2 * hop)
    assert schedule.span == hop


@pytest.mark.parametrize(
    ("hop", "spans", "wakes"),
    [
        (800, (None, 4800), 1),  # as far apart, but to be there when it comes
        (480, (None, 3840), 1),  # each 3,840 samples instead of 4,800: 15,360 is one of the former alone
        (800, (1, 4000, 4000, 8000, None), 0),
        (800, (4000, 1), 1),
        (800, (2400, 4000), 1),  # further apart, but 4,000 is none of the former
    ],
)
def test_a_sleeper_is_woken_where_it_would_miss_a_look(hop: int, spans: tuple[int | None, ...], wakes: int) -> None:
    schedule, woken = WakeSchedule(hop), []
    schedule.attach(lambda: woken.append(schedule.span))
    for span in spans:
        schedule.wake_at(span)
    assert len(woken) == wakes


def test_while_no_speech_is_heard_two_wake_ups_of_three_are_left_out() -> None:
    schedule = WakeSchedule(800)
    assert schedule.last_wake(0) == schedule.next_wake(0) == 800
    schedule.wake_at(None)
    assert [schedule.next_wake(heard) for heard in (0, 4799, 4800)] == [4800, 4800, 9600]
    assert [schedule.last_wake(heard) for heard in (0, 4799, 4800)] == [14_400, 14_400, 19_200]
    assert schedule.last_wake(0) < BEHIND


def test_the_next_wake_lies_at_a_multiple_of_the_span() -> None:
    schedule = WakeSchedule(800)
    assert [schedule.next_wake(heard) for heard in (0, 799, 800)] == [800, 800, 1600]
    schedule.wake_at(4000)
    assert [schedule.next_wake(heard) for heard in (0, 3999, 4000)] == [4000, 4000, 8000]

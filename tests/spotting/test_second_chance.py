"""A word that came close fires at a lower score if it is said again soon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from score_rows import HOP, LABELS, row, run_from

from kwsd.spotting.second_chance import lowered
from kwsd.spotting.trigger import Hit, Trigger, TriggerSettings

Rows = Sequence[NDArray[np.float32] | None]

LOWERED = pytest.approx(0.9613, abs=1e-4)
PAUSE, LONG = [row()] * 7, [row()] * 59  # between words whose windows end 0.8 s and six seconds apart


def trigger(second_chance: float = 3.0, *, smoothing: int = 1, refractory_ms: int = 1000) -> Trigger:
    thresholds = {"yes": 0.998, "no": 0.998}
    return Trigger(LABELS, TriggerSettings(thresholds, smoothing, refractory_ms, second_chance=second_chance))


def hits(trigger: Trigger, rows: Rows, first: int = 1) -> list[tuple[int, Hit]]:
    found = [(number, trigger.feed(scores, number * HOP)) for number, scores in enumerate(rows, start=first)]
    return [(number, hit) for number, hit in found if hit]


@pytest.mark.parametrize("pause", [PAUSE, PAUSE[1:], LONG, [None] * 7])
def test_a_word_that_came_close_fires_at_a_lower_score_the_second_time(pause: Rows) -> None:
    rows = [row(yes=0.97), *pause, row(yes=0.965)]
    ((number, hit),) = hits(trigger(), rows)
    assert (number, hit.word, hit.score, hit.threshold) == (len(rows), "yes", pytest.approx(0.965), LOWERED)
    assert hits(trigger(0.0), rows) == []


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(yes=0.96), *PAUSE, row(yes=0.97)], id="it did not come close"),
        pytest.param([row(yes=0.97), *PAUSE, row(yes=0.96)], id="too little, the second time, too"),
        pytest.param([row(yes=0.97), *PAUSE, row(no=0.97)], id="another word"),
        pytest.param([row(yes=0.97), *PAUSE[2:], row(yes=0.97)], id="a dip, not a pause"),
        pytest.param([row(yes=0.97), *[row(yes=0.5)] * 9, row(yes=0.97)], id="never out of hearing"),
        pytest.param([row(yes=0.97), *[row(no=0.6)] * 9, row(yes=0.97)], id="another word meanwhile, not a pause"),
        pytest.param([row(yes=0.97), *PAUSE, row(yes=0.97, no=0.06)], id="perhaps another word, the second time"),
        pytest.param([row(yes=0.97), *LONG, row(), row(yes=0.97)], id="more than six seconds later"),
    ],
)
def test_what_is_no_second_chance(rows: Rows) -> None:
    assert hits(trigger(), rows) == []


def test_a_word_that_fired_has_none() -> None:
    said = [row(yes=0.97), row(yes=0.999), row(yes=0.98), *PAUSE]
    quick = trigger(refractory_ms=0)
    assert [number for number, _ in hits(quick, [*said, row(yes=0.97), *PAUSE])] == [2]
    assert [number for number, _ in hits(quick, [row(yes=0.97), *PAUSE], first=20)] == [20]  # it came close meanwhile


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(yes=0.97), row(no=0.999)], id="the beginning of it"),
        pytest.param([row(yes=0.97), row(), row(no=0.999)], id="the beginning, before a dip"),
        pytest.param([row(no=0.999), row(yes=0.97)], id="the end of it"),
        pytest.param([row(no=0.999), row(), row(yes=0.97)], id="the end, after a dip"),
    ],
)
def test_a_part_of_a_word_that_fired_did_not_come_close(rows: Rows) -> None:
    """The word that fired holds it each time that it is said, and is taken for it if less is enough."""
    said = [*rows, *PAUSE, row(yes=0.97), row(no=0.999)]
    for refractory_ms in (0, 300):
        found = hits(trigger(refractory_ms=refractory_ms), said)
        assert [hit.word for _, hit in found] == ["no", "no"]


def test_a_word_that_is_said_apart_from_one_that_fired_may_come_close() -> None:
    for rows in ([row(yes=0.97), *PAUSE, row(no=0.999)], [row(no=0.999), *PAUSE, row(yes=0.97)]):
        found = hits(trigger(), [*rows, *LONG[:9], row(yes=0.97)])
        assert [hit.word for _, hit in found] == ["no", "yes"]


def test_a_second_time_that_fired_is_not_a_first() -> None:
    rows = [row(yes=0.97), *PAUSE, row(yes=0.97), row(yes=0.97), *PAUSE, row(yes=0.97)]
    assert [number for number, _ in hits(trigger(refractory_ms=0), rows)] == [9]


def test_a_second_time_that_rises_to_the_usual_threshold_fires_once() -> None:
    """However short the refractory time."""
    rows = [row(yes=0.97), *PAUSE, row(yes=0.97), row(yes=0.98), row(yes=0.999)]
    assert [number for number, _ in hits(trigger(refractory_ms=0), rows)] == [9]
    before, after = trigger(refractory_ms=0), trigger(refractory_ms=0)
    assert [number for number, _ in hits(before, rows[:-2])] == [9]
    after.inherit(before)
    assert run_from(after, [*rows[-2:], row(), row(yes=0.999)], 10) == [13]


def test_a_second_time_that_fired_takes_the_usual_threshold_after_a_dip() -> None:
    rows = [row(yes=0.97), *PAUSE, row(yes=0.97), row(yes=0.9), row(yes=0.97)]
    assert [number for number, _ in hits(trigger(refractory_ms=0), rows)] == [9]
    assert [number for number, _ in hits(trigger(refractory_ms=0), [*rows, row(yes=0.999)])] == [9, 12]


def test_a_first_time_that_fired_fires_again_after_a_small_dip_under_other_settings_too() -> None:
    before, after = trigger(refractory_ms=0), trigger(refractory_ms=0)
    assert run_from(before, [row(yes=0.999)], 1) == [1]
    after.inherit(before)
    assert run_from(after, [row(yes=0.97), row(yes=0.999)], 2) == [3]


def test_a_window_that_resembles_a_word_alone_is_no_time_that_it_is_said() -> None:
    said = [row(yes=0.97)] * 2
    rows = [*said, *PAUSE, row(yes=0.7), *PAUSE, *said]
    assert [number for number, _ in hits(trigger(smoothing=2), rows)] == [len(rows)]


def test_a_third_time_is_as_good_as_a_second() -> None:
    rows = [row(yes=0.97), *PAUSE, row(yes=0.7), *PAUSE, row(yes=0.97), *PAUSE, row(yes=0.97)]
    assert [number for number, _ in hits(trigger(), rows)] == [25]


@pytest.mark.parametrize("hop", [4 * HOP, 8 * HOP])  # a slow machine has windows farther apart than a pause is long
def test_windows_that_follow_each_other_are_no_pause_however_far_apart(hop: int) -> None:
    spotter = trigger()
    for number, scores in enumerate([row(yes=0.97), row(yes=0.97), row(yes=0.97), row()], start=1):
        assert spotter.feed(scores, number * hop) is None
    assert spotter.feed(row(yes=0.97), 5 * hop)


@pytest.mark.parametrize("lost", [True, False])
def test_lost_audio_and_windows_that_are_left_out_are_no_pause(lost: bool) -> None:
    spotter = trigger()
    assert run_from(spotter, [row(yes=0.97), row()], 1) == []
    if lost:
        spotter.reset()
    else:
        assert [spotter.skip(number * HOP) for number in range(3, 9)] == [None] * 6
    assert run_from(spotter, [row(yes=0.97), *PAUSE], 9) == []
    assert run_from(spotter, [row(yes=0.97)], 17) == [17]


@pytest.mark.parametrize("lost", [True, False])
def test_a_pause_after_windows_that_are_missing_is_one(lost: bool) -> None:
    """Otherwise a word that fired before them would have no second chance the next time, however much later."""
    spotter = trigger()
    assert run_from(spotter, [row(yes=0.999), *PAUSE], 1) == [1]
    if lost:
        spotter.reset()
    else:
        assert [spotter.skip(number * HOP) for number in (9, 10)] == [None] * 2
    silence = [None] * 7
    assert run_from(spotter, [*silence, row(yes=0.97), *silence, row(yes=0.97)], 14) == [29]


def test_other_settings_take_no_chance_away() -> None:
    before, after = trigger(), Trigger(LABELS, TriggerSettings({"no": 0.998, "yes": 0.998}, 1, second_chance=3.0))
    hits(before, [row(yes=0.97), *PAUSE])
    after.inherit(before)
    assert [hit.word for _, hit in hits(after, [row(yes=0.97, no=0.01)], first=9)] == ["yes"]


@pytest.mark.parametrize(
    ("threshold", "by", "least"),
    [(0.998, 3.0, 0.9613), (0.998, 0.0, 0.998), (0.9991, 3.0, 0.9822), (0.96, 3.0, 0.95), (0.9, 3.0, 0.9), (1, 3.0, 1)],
)
def test_how_far_a_threshold_is_lowered(threshold: float, by: float, least: float) -> None:
    assert lowered(threshold, by) == pytest.approx(least, abs=5e-5)

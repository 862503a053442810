"""A word fires soon after it is first made out, or not at all."""

from __future__ import annotations

import pytest
from score_rows import HOP, LABELS, row, run, run_from

from kwsd.spotting.trigger import Trigger, TriggerSettings


def late(latest_ms: int | None) -> Trigger:
    return Trigger(LABELS, TriggerSettings({"yes": 0.95, "no": 0.95}, refractory_ms=500, latest_ms=latest_ms))


def test_a_word_that_passes_its_threshold_late_is_no_answer() -> None:
    rows = [row()] + [row(yes=0.9)] * 4 + [row(yes=0.99)] * 3  # first resembled in window 1, over in window 6
    assert [number for number, _ in run(late(None), rows)] == [6]
    assert [number for number, _ in run(late(500), rows)] == [6]  # windows lie 100 ms apart
    assert run(late(499), rows) == []


def test_its_time_begins_anew_after_a_window_that_does_not_resemble_it() -> None:
    begun, over = [row(), row(yes=0.9), row(yes=0.9)], [row(yes=0.99)] * 3
    assert run(late(250), begun + over) == []
    for between in (row(yes=0.49), None):
        assert [number for number, _ in run(late(250), [*begun, between, *over])] == [5]


@pytest.mark.parametrize(("smoothing", "apart"), [(2, 5), (6, 1), (3, 3)])
def test_windows_far_apart_do_not_make_it_deaf(smoothing: int, apart: int) -> None:
    """Their first mean is as early as one can be."""
    trigger = Trigger(LABELS, TriggerSettings({"yes": 0.95}, smoothing, latest_ms=450))
    hits = [trigger.feed(row(yes=1.0), number * apart * HOP) for number in range(1, 8)]
    assert [number for number, hit in enumerate(hits, start=1) if hit] == [smoothing]
    trigger = Trigger(LABELS, TriggerSettings({"yes": 0.95}, smoothing, latest_ms=450))
    rows = [row(yes=0.6)] * 2 + [row(yes=1.0)] * 8
    assert [trigger.feed(each, number * apart * HOP) for number, each in enumerate(rows, start=1)] == [None] * 10


def test_what_passes_after_the_first_mean_is_late_there_too() -> None:
    trigger = Trigger(LABELS, TriggerSettings({"yes": 0.95}, 2, latest_ms=450))
    rows = [row(yes=0.9), row(yes=0.99), row(yes=0.99)]
    assert [trigger.feed(each, number * 5 * HOP) for number, each in enumerate(rows, start=1)] == [None] * 3


def test_each_word_has_its_own_time() -> None:
    rows = [row(yes=0.6)] * 5 + [row(yes=0.6, no=0.99)] * 2
    assert [hit.word for _, hit in run(late(250), rows)] == ["no"]


def test_a_window_that_was_scored_belatedly_counts_from_where_it_ended() -> None:
    trigger = late(250)
    assert trigger.feed(None, HOP) is None
    trigger.amend(row(yes=0.9))
    assert run_from(trigger, [row(yes=0.9), row(yes=0.99), row(yes=0.99)], 2) == []
    trigger = late(350)
    trigger.feed(None, HOP)
    trigger.amend(row(yes=0.9))
    assert run_from(trigger, [row(yes=0.9), row(yes=0.99), row(yes=0.99)], 2) == [4]


def test_other_settings_do_not_begin_its_time_anew() -> None:
    before, after = late(250), late(250)
    run(before, [row(yes=0.9)] * 3)
    after.inherit(before)
    assert run_from(after, [row(yes=0.99)] * 2, 4) == []


def test_a_window_that_is_scored_after_other_settings_counts_from_where_it_ended() -> None:
    before, after = late(350), late(350)
    before.feed(None, HOP)
    after.inherit(before)
    after.amend(row(yes=0.9))
    assert run_from(after, [row(yes=0.9), row(yes=0.99), row(yes=0.99)], 2) == [4]


def test_a_word_begins_where_it_passes_a_threshold_that_is_low() -> None:
    trigger = Trigger(LABELS, TriggerSettings({"yes": 0.4}, latest_ms=450))
    assert [number for number, _ in run(trigger, [row(), *[row(yes=0.45)] * 3])] == [2]


def test_a_word_that_is_said_again_at_once_fires_again() -> None:
    once = [row(), row(yes=0.7), *[row(yes=1.0)] * 5]  # fires at the fourth window
    again = [row(yes=0.7), *[row(yes=1.0)] * 4]  # between them it never scores less than a half
    for latest_ms in (None, 450):
        assert [number for number, _ in run(late(latest_ms), once + again)] == [3, 9]


def test_a_word_that_was_held_back_does_not_wait_for_ever() -> None:
    once = [row(), *[row(yes=1.0)] * 5, *[row(yes=0.7)] * 6, *[row(yes=1.0)] * 5]
    assert [number for number, _ in run(late(None), once)] == [2, 13]
    assert [number for number, _ in run(late(450), once)] == [2]


def test_the_time_of_another_word_does_not_wait_for_the_refractory_time() -> None:
    rows = [row(), *[row(yes=1.0)] * 2, *[row(no=0.7)] * 6, *[row(no=1.0)] * 3]
    assert [hit.word for _, hit in run(late(450), rows)] == ["yes"]
    assert [hit.word for _, hit in run(late(None), rows)] == ["yes", "no"]


def test_another_word_that_was_in_time_fires_once_the_refractory_time_is_over() -> None:
    settings = TriggerSettings({"yes": 0.95, "no": 0.95}, refractory_ms=1000, latest_ms=450)
    yes, then = [row(), *[row(yes=1.0)] * 2], [row(no=0.7), *[row(no=1.0)] * 12]  # over soon after "yes" fired
    heard = run(Trigger(LABELS, settings), yes + then)
    assert [(number, hit.word) for number, hit in heard] == [(2, "yes"), (12, "no")]
    dip = [*then[:6], *[row(no=0.8)] * 2, *then[6:]]
    assert [hit.word for _, hit in run(Trigger(LABELS, settings), yes + dip)] == ["yes"]
    before, after = Trigger(LABELS, settings), Trigger(LABELS, settings)
    run(before, yes + then[:8])
    after.inherit(before)
    assert run_from(after, then[8:], 12) == [13]


def test_after_other_settings_are_adopted_a_word_fires_again_at_once() -> None:
    once = [row(), row(yes=0.7), *[row(yes=1.0)] * 5]
    before, after = late(450), late(450)
    assert run(before, once)
    after.inherit(before)
    rows = [row(yes=0.7), *[row(yes=1.0)] * 4]
    assert any(after.feed(each, (number + 1 + len(once)) * HOP) for number, each in enumerate(rows))


def test_after_a_reset_its_time_begins_anew() -> None:
    trigger = late(250)
    assert run(trigger, [row(yes=0.9)] * 5) == []
    trigger.reset()
    assert run_from(trigger, [row(yes=0.99)] * 3, 6) == [7]


def test_a_successor_knows_that_a_word_has_just_begun() -> None:
    before, after = late(450), late(450)
    before.feed(row(yes=0.99), 5 * HOP)
    after.inherit(before)
    assert after.feed(row(yes=0.99), 10 * HOP)  # as late as it may be, but in the first mean


@pytest.mark.parametrize("latest_ms", [None, 50, 400, 450])
@pytest.mark.parametrize("word", ["yes", "no"])
@pytest.mark.parametrize("begins", range(1, 16))
def test_windows_of_the_refractory_time_change_nothing(begins: int, word: str, latest_ms: int | None) -> None:
    rows = [row(yes=1.0)] * 2 + [row()] * begins + [row(**{word: 1.0})] * 12 + [row()] * 4
    chosen = TriggerSettings({"yes": 0.95, "no": 0.95}, refractory_ms=1200, latest_ms=latest_ms)
    whole, sparing = Trigger(LABELS, chosen), Trigger(LABELS, chosen)
    heard = run(whole, rows)
    spared = [
        (number, hit)
        for number, scores in enumerate(rows)
        if (hit := sparing.feed(None if sparing.is_refractory((number + 1) * HOP, HOP) else scores, (number + 1) * HOP))
    ]
    assert spared == heard
    assert not Trigger(LABELS, chosen).is_refractory(HOP, HOP)  # nothing has fired

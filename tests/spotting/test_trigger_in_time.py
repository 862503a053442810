"""A word fires soon after it is first made out, or not at all."""

from __future__ import annotations

import pytest
from score_rows import HOP, LABELS, row, run, run_from

from kwsd.spotting.trigger import Hit, Trigger, TriggerSettings


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


FOLLOWS = TriggerSettings({"yes": 0.95, "no": 0.95}, refractory_ms=1000, latest_ms=450)
YES = [row(), *[row(yes=1.0)] * 2]  # fires in window 2


def test_another_word_that_is_spoken_after_the_one_that_fired_fires_at_once() -> None:
    for between, fires in (
        (2, [7]),
        (1, []),
        (6, [11]),
    ):  # the time from the hit to its first window: 300 ms are enough
        rows = [*YES, *[row()] * between, row(no=0.7), *[row(no=1.0)] * 6, *[row()] * 6]
        assert [(number, hit.word) for number, hit in run(Trigger(LABELS, FOLLOWS), rows)] == [
            (2, "yes"),
            *((number, "no") for number in fires),
        ]


def test_the_word_that_fired_and_one_that_was_part_of_it_do_not_follow() -> None:
    again = [row(), *[row(yes=1.0)] * 4, *[row()] * 6]
    for rows in ([*[row()] * 2, *again], [row(no=0.7), row(no=0.6), *[row(no=0.7)] * 2, *[row(no=1.0)] * 4]):
        assert [number for number, _ in run(Trigger(LABELS, FOLLOWS), [*YES, *rows])] == [2]


def test_a_word_that_follows_begins_a_refractory_time_and_does_not_end_that_of_the_one_before() -> None:
    following = [*YES, *[row()] * 2, *[row(no=1.0)] * 3]  # "no" fires in window 6
    soon, later = [*[row()] * 2, *[row(yes=1.0)] * 2], [*[row()] * 3, *[row(yes=1.0)] * 2]
    assert [number for number, _ in run(Trigger(LABELS, FOLLOWS), [*following, *soon])] == [2, 6]
    assert [number for number, _ in run(Trigger(LABELS, FOLLOWS), [*following, *later])] == [2, 6, 12]


def test_under_other_settings_a_word_follows_as_before() -> None:
    for between, fires in ((2, [8]), (1, [])):
        before, after = Trigger(LABELS, FOLLOWS), Trigger(LABELS, FOLLOWS)
        run(before, [*YES, *[row()] * between, row(no=0.7)])
        after.inherit(before)
        assert run_from(after, [row(no=1.0)] * 3, 5 + between) == fires


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
def test_skipping_windows_of_the_refractory_time_changes_nothing_for_the_word_that_fired(
    begins: int, word: str, latest_ms: int | None
) -> None:
    rows = [row(yes=1.0)] * 2 + [row()] * begins + [row(**{word: 1.0})] * 12 + [row()] * 4
    chosen = TriggerSettings({"yes": 0.95, "no": 0.95}, refractory_ms=1200, latest_ms=latest_ms)
    whole, sparing = Trigger(LABELS, chosen), Trigger(LABELS, chosen)
    heard = run(whole, rows)
    spared: list[tuple[int, Hit]] = []
    for number, scores in enumerate(rows):
        at = (number + 1) * HOP
        hit = sparing.skip(at) if sparing.is_refractory(at, HOP) else sparing.feed(scores, at)
        spared += [(number, hit)] if hit else []
    if word == "yes" or latest_ms is None:
        assert spared == heard
    else:  # whether another one has begun meanwhile is not heard: it fires no sooner, or not at all
        assert all(number >= first for (number, _), (first, _) in zip(spared, heard, strict=False))
        assert {hit.word for _, hit in spared} <= {hit.word for _, hit in heard}
        assert len(spared) <= len(heard)
    assert not Trigger(LABELS, chosen).is_refractory(HOP, HOP)  # nothing has fired


def test_a_word_that_is_new_in_the_settings_may_have_begun_before() -> None:
    for between, fires in ((0, []), (4, [13])):
        before = Trigger(LABELS, TriggerSettings({"yes": 0.95}, refractory_ms=1000, latest_ms=450))
        after = Trigger(LABELS, FOLLOWS)
        run(before, [*YES, *[row()] * 4])
        after.inherit(before)
        assert run_from(after, [*[row()] * between, *[row(no=1.0)] * 3], 8) == fires


def test_what_was_skipped_may_have_held_the_beginning_of_a_word() -> None:
    trigger = Trigger(LABELS, FOLLOWS)
    run(trigger, YES)
    for number in range(4, 8):
        assert trigger.skip(number * HOP) is None
    assert run_from(trigger, [row(no=0.7), *[row(no=1.0)] * 4], 8) == []
    trigger = Trigger(LABELS, FOLLOWS)
    run(trigger, YES)
    for number in range(4, 8):
        trigger.skip(number * HOP)
    assert run_from(trigger, [row(), row(), row(no=0.7), *[row(no=1.0)] * 2], 8) == [12]


def test_a_word_that_was_cut_by_a_loss_did_not_begin_after_it() -> None:
    for between, fires in ((0, []), (1, []), (2, [12])):
        trigger = Trigger(LABELS, FOLLOWS)
        run(trigger, [*YES, *[row(no=0.7)] * 4])
        trigger.reset()
        assert run_from(trigger, [*[row()] * between, row(no=0.7), *[row(no=1.0)] * 3], 8) == fires

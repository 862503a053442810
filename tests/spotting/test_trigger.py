"""One spoken word, one hit."""

from __future__ import annotations

import numpy as np
import pytest
from score_rows import HOP, LABELS, row, run, run_from

from kwsd.errors import ConfigError
from kwsd.spotting.trigger import Hit, Trigger, TriggerSettings


def settings(smoothing: int = 2, refractory_ms: int = 500, **thresholds: float) -> TriggerSettings:
    return TriggerSettings(thresholds or {"yes": 0.8, "no": 0.8}, smoothing, refractory_ms)


def test_a_word_fires_once_however_long_it_scores() -> None:
    hits = run(Trigger(LABELS, settings()), [row()] * 3 + [row(yes=0.99)] * 40)
    assert [(number, hit.word) for number, hit in hits] == [(4, "yes")]
    assert hits[0][1].score == pytest.approx(0.99)


def test_one_high_window_is_smoothed_away() -> None:
    assert run(Trigger(LABELS, settings(smoothing=3)), [row(), row(yes=1.0), row(), row()]) == []


def test_a_word_fires_again_after_its_score_fell_and_the_refractory_time() -> None:
    rows = [row(yes=1.0)] * 3 + [row()] * 4 + [row(yes=1.0)] * 3
    assert [number for number, _ in run(Trigger(LABELS, settings()), rows)] == [1, 8]


def test_nothing_fires_in_the_refractory_time() -> None:
    rows = [row(yes=1.0)] * 2 + [row(no=1.0)] * 3
    assert [hit.word for _, hit in run(Trigger(LABELS, settings(refractory_ms=1000)), rows)] == ["yes"]


def test_a_window_that_was_scored_belatedly_is_forgotten_in_its_turn() -> None:
    trigger = Trigger(LABELS, settings(yes=0.5))
    trigger.feed(None, HOP)
    trigger.amend(row(yes=0.9))
    assert run_from(trigger, [None, row(yes=0.2)], 2) == []


def test_another_word_fires_after_it() -> None:
    rows = [row(yes=1.0)] * 2 + [row(no=1.0)] * 9
    assert [hit.word for _, hit in run(Trigger(LABELS, settings(refractory_ms=500)), rows)] == ["yes", "no"]


def test_only_words_with_a_threshold_fire() -> None:
    assert run(Trigger(LABELS, settings(no=0.5)), [row(yes=1.0)] * 5) == []


def test_each_word_has_its_own_threshold() -> None:
    rows = [row(yes=0.7)] * 4 + [row()] * 10 + [row(no=0.7)] * 4
    assert [hit.word for _, hit in run(Trigger(LABELS, settings(yes=0.9, no=0.6)), rows)] == ["no"]


def test_a_window_that_was_not_scored_counts_as_nothing() -> None:
    assert run(Trigger(LABELS, settings()), [row(yes=0.9), None, row(yes=0.9), None]) == []


def test_a_reset_forgets_scores_but_not_what_has_just_fired() -> None:
    trigger = Trigger(LABELS, settings(refractory_ms=500))
    assert len(run(trigger, [row(yes=1.0)] * 2)) == 1
    trigger.reset()
    hits = [number for number in range(3, 12) if trigger.feed(row(yes=1.0), number * HOP)]
    assert hits == [7]  # half a second after the first


def test_a_reset_forgets_scores() -> None:
    trigger = Trigger(LABELS, settings())
    trigger.feed(row(yes=1.0), HOP)
    trigger.reset()
    assert trigger.feed(row(yes=1.0), 2 * HOP) is None
    assert trigger.feed(row(yes=1.0), 3 * HOP)


def test_a_word_that_the_model_lacks_is_an_error() -> None:
    with pytest.raises(ConfigError, match="maybe"):
        Trigger(LABELS, settings(maybe=0.5))


def test_a_threshold_of_zero_fires_without_scores_as_often_as_ever() -> None:
    assert [number for number, _ in run(Trigger(LABELS, settings(yes=0.0)), [None] * 20)] == [0]


def test_a_score_that_rounding_lifts_above_one_leaves_its_neighbour_a_candidate() -> None:
    trigger = Trigger(LABELS, settings(yes=0.7))
    above, below = row(yes=float(np.nextafter(np.float32(1), np.float32(2)))), row(yes=0.3999999)
    assert trigger.is_candidate(below)
    assert [number for number, _ in run(trigger, [below, above])] == [1]


def test_after_a_long_silence_a_word_fires_as_at_the_start() -> None:
    rested, spoken = Trigger(LABELS, settings()), [row(yes=0.7), row(yes=0.95), row(yes=0.9), None]
    assert run(rested, [row(no=0.3), *[None] * 50]) == []
    assert run(rested, spoken) == run(Trigger(LABELS, settings()), spoken) != []


def test_a_trigger_with_other_settings_goes_on_where_the_old_one_was() -> None:
    old = Trigger(LABELS, settings(refractory_ms=2000))
    assert len(run(old, [row(yes=1.0)] * 3)) == 1
    new = Trigger(LABELS, settings(refractory_ms=500, yes=0.5, no=0.5))
    new.inherit(old)
    assert new.feed(row(yes=1.0), 4 * HOP) is None  # it still is the same "yes"
    assert new.feed(row(no=1.0), 5 * HOP) is None  # too soon
    assert new.feed(row(no=1.0), 10 * HOP) == Hit("no", 1.0, 0.5)  # by the new refractory time
    again = Trigger(LABELS, settings(refractory_ms=5000, no=0.5, yes=0.5))
    again.inherit(new)
    assert again.feed(row(), 11 * HOP) is None
    assert [again.feed(row(yes=1.0), at * HOP) for at in (12, 13, 14)] == [None] * 3
    fresh = Trigger(LABELS, settings(smoothing=1, no=0.5))
    fresh.inherit(Trigger(LABELS, settings(yes=0.5)))
    assert fresh.feed(row(no=1.0), HOP) == Hit("no", 1.0, 0.5)


def test_a_word_that_lasts_beyond_the_refractory_time_does_not_fire_again_by_other_settings() -> None:
    old, new = Trigger(LABELS, settings()), Trigger(LABELS, settings(yes=0.7))
    assert len(run(old, [row(yes=1.0)] * 3)) == 1
    new.inherit(old)
    assert [number for number in range(4, 30) if new.feed(row(yes=1.0), number * HOP)] == []


def test_a_successor_goes_on_with_what_was_heard() -> None:
    before, after = Trigger(LABELS, settings(yes=0.8)), Trigger(LABELS, settings(yes=0.8))
    assert before.feed(row(yes=0.9), HOP) is None
    after.inherit(before)
    assert after.feed(row(yes=0.9), 2 * HOP)


def test_after_a_gap_a_word_may_fire_again() -> None:
    trigger = Trigger(LABELS, settings(1, 0, yes=0.8))
    assert trigger.feed(row(yes=1), HOP)
    trigger.reset()
    assert trigger.feed(row(yes=1), 2 * HOP)


def test_a_successor_takes_over_the_newest_scores_of_the_same_word() -> None:
    before, after = Trigger(LABELS, settings(3, no=0.8, yes=0.8)), Trigger(LABELS, settings(2, yes=0.8))
    before.feed(row(yes=0.9), HOP)
    after.inherit(before)
    assert after.feed(row(yes=0.9), 2 * HOP)


def test_a_word_that_has_fired_does_not_hide_another() -> None:
    rows = [row(yes=1.0)] * 8 + [row(yes=1.0, no=0.9)] * 3
    hits = run(Trigger(LABELS, settings()), rows)
    assert [(number, hit.word) for number, hit in hits] == [(1, "yes"), (9, "no")]


def test_the_second_best_of_two_words_fires_when_the_first_one_has_rested() -> None:
    rows = [row(yes=1.0, no=0.9)] * 2 + [row(no=0.9)] * 8
    hits = run(Trigger(LABELS, settings()), rows)
    assert [(number, hit.word) for number, hit in hits] == [(1, "yes"), (6, "no")]

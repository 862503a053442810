"""A word that comes close to firing and does not is reported once, with what kept it from firing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from loudness import LoudnessClassifier, beep, cut, feed
from numpy.typing import NDArray
from score_rows import HOP, LABELS, row

from kwsd.events import Event, NearMiss
from kwsd.spotting.near_misses import NearMisses, Standing
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import Trigger, TriggerSettings

COLD = [row()] * 3  # 300 ms


def trigger(*, latest_ms: int | None = None, smoothing: int = 1, **thresholds: float) -> Trigger:
    return Trigger(LABELS, TriggerSettings(thresholds or {"yes": 0.95, "no": 0.95}, smoothing, 1000, 1.0, latest_ms))


def missed(trigger: Trigger, rows: Sequence[NDArray[np.float32] | None]) -> list[tuple[int, Standing]]:
    """The near misses of windows a `HOP` apart, each with the number of the window by which it was known."""
    near, found = NearMisses(), []
    for number, scores in enumerate(rows, start=1):
        hit = trigger.feed(scores, number * HOP)
        standing = near.feed(trigger.standing, HOP, fired=hit is not None)
        found += [(number, standing)] if standing else []
    return found


def test_the_best_score_of_a_word_that_did_not_fire() -> None:
    rows = [row(), row(yes=0.6), row(yes=0.875, no=0.6), row(yes=0.75, no=0.7), *COLD, *COLD]
    assert missed(trigger(), rows) == [(7, Standing("yes", 0.875, 0.95, 3 * HOP, "score"))]


def test_its_score_is_the_mean_that_would_have_counted() -> None:
    rows = [row(yes=0.5), row(yes=0.75), row(yes=1.0), *COLD]
    assert missed(trigger(smoothing=2), rows) == [(6, Standing("yes", 0.875, 0.95, 3 * HOP, "score"))]


@pytest.mark.parametrize("apart", [[row()] * 2, [None] * 2])
def test_a_dip_does_not_make_it_two(apart: list[NDArray[np.float32] | None]) -> None:
    found = missed(trigger(), [row(yes=0.75), *apart, row(no=0.875), *COLD])
    assert [(number, standing.word) for number, standing in found] == [(7, "no")]


@pytest.mark.parametrize("apart", [COLD, [None] * 3])
def test_after_a_pause_there_is_another(apart: list[NDArray[np.float32] | None]) -> None:
    found = missed(trigger(), [row(yes=0.75), *apart, row(no=0.875), *apart])
    assert [(number, standing.word) for number, standing in found] == [(4, "yes"), (8, "no")]


def test_what_sounds_like_no_word_is_none() -> None:
    assert missed(trigger(), [row(yes=0.49, _unknown_=0.51)] * 9 + COLD) == []


def test_every_window_of_the_mean_has_to_resemble_the_word() -> None:
    assert missed(trigger(smoothing=3), [row(yes=0.9), row(yes=0.4), row(yes=0.9), *COLD]) == []
    assert missed(trigger(smoothing=2), [row(yes=1.0), *COLD]) == []


def test_a_word_that_fires_is_none_before_or_after() -> None:
    assert missed(trigger(), [row(yes=0.9), row(yes=0.99), row(yes=0.9), row(no=0.9), *COLD]) == []
    found = missed(trigger(), [row(yes=0.99), *COLD, row(no=0.9), *COLD])
    assert [(number, standing.word) for number, standing in found] == [(8, "no")]


def test_a_word_may_fire_at_a_window_that_does_not_resemble_it() -> None:
    """Its mean is over the threshold all the same."""
    rows = [row(yes=0.55), row(yes=1.0), row(yes=0.3)]
    smoothed = Trigger(LABELS, TriggerSettings({"yes": 0.6}, 3))
    assert missed(smoothed, [*rows, *COLD]) == []


def test_what_comes_too_late_says_so() -> None:
    rows = [row(yes=0.75)] * 4 + [row(yes=0.96), row(yes=0.99), *COLD]
    ((_, standing),) = missed(trigger(latest_ms=250), rows)
    assert (standing.reason, standing.at) == ("late", 5 * HOP)
    assert standing.score == pytest.approx(0.96)  # where it was over the threshold first


def test_what_comes_too_soon_after_another_word_says_so() -> None:
    rows = [row(yes=0.99), *COLD, row(no=0.99), *COLD]
    ((_, standing),) = missed(trigger(), rows)
    assert (standing.word, standing.reason, standing.at) == ("no", "refractory", 5 * HOP)


def test_a_word_that_fired_and_goes_on_is_none() -> None:
    """It falls below what resembles a word, but never below its threshold, so that it does not fire again."""
    rows = [row(yes=0.6), *[row(yes=0.4)] * 4, row(yes=0.6), *COLD]
    assert missed(trigger(yes=0.3), rows) == []


def test_a_word_over_its_own_threshold_is_closer_than_one_that_scores_more_below_its() -> None:
    rows = [row(yes=0.95), row(no=0.6), row(no=0.6), row(no=0.7), *COLD]
    ((_, standing),) = missed(trigger(latest_ms=150, yes=0.99, no=0.65), rows)
    assert (standing.word, standing.reason, standing.at) == ("no", "late", 4 * HOP)


class Doubtful(LoudnessClassifier):
    """Never sure of what it hears."""

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = super().score(windows)
        scores[:, 0] *= 0.75
        return scores


def miss(batch: int, windows: int) -> list[Event]:
    spotter = Spotter(Doubtful(), gate=None, trigger=TriggerSettings({"beep": 0.9}, smoothing=2))
    return [*feed(spotter, cut(beep())[:windows], batch), *spotter.end({"one": windows * HOP})]


@pytest.mark.parametrize("windows", [30, 19])
def test_the_spotter_reports_it_whatever_the_batch_and_at_the_end_too(windows: int) -> None:
    events = miss(1, windows)
    (event,) = events
    assert isinstance(event, NearMiss)
    assert (event.word, event.score, event.threshold, event.reason) == ("beep", 0.75, 0.9, "score")
    assert event.at == 15 * HOP
    assert miss(16, windows) == events


def test_it_lies_within_the_stream() -> None:
    """Windows go on beyond its end, so that its last word is heard in full."""
    spotter = Spotter(Doubtful(), gate=None, trigger=TriggerSettings({"beep": 0.9}, smoothing=2))
    assert feed(spotter, cut(beep())[:16], 16) == []
    (event,) = spotter.end({"one": 23_000})
    assert isinstance(event, NearMiss)
    assert event.at == 23_000


def test_each_stream_has_its_own() -> None:
    spotter = Spotter(Doubtful(), gate=None, trigger=TriggerSettings({"beep": 0.9}, smoothing=2))
    both = [window for pair in zip(cut(beep()), cut(beep(), "two"), strict=True) for window in pair]
    events = feed(spotter, both, 6)
    assert [(type(event), event.stream) for event in events] == [(NearMiss, "one"), (NearMiss, "two")]


def test_a_word_is_not_over_where_windows_are_left_out() -> None:
    """A slow machine leaves out windows of the refractory time, after which the word that fired is still heard."""
    settings = TriggerSettings({"beep": 0.6}, smoothing=2, refractory_ms=1000)
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=settings)
    windows = [replace(window, late=True) for window in cut(beep(length=13_000))]
    assert [event.type for event in feed(spotter, windows, 1)] == ["detection"]
    assert spotter.scored < len(windows)


def test_a_word_is_not_over_where_audio_is_lost() -> None:
    """The next windows still have it, before the gap."""
    settings = TriggerSettings({"beep": 0.6}, smoothing=2, refractory_ms=1000)
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=settings)
    windows = cut(beep(length=9_000))
    after = replace(windows[19], lost=4 * HOP)
    events = feed(spotter, [*windows[:15], after, *windows[20:]], 1)
    assert [event.type for event in events] == ["detection", "audio_lost"]

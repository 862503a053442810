"""Misses and false alarms at given thresholds and along the curve, on streams made by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from kwsd.evaluation.det import sweep
from kwsd.evaluation.log_odds import from_log_odds
from kwsd.evaluation.operating import OperatingPoint, operate
from kwsd.evaluation.replayer import Replayer
from kwsd.evaluation.scored_stream import ScoredStream
from kwsd.evaluation.scoring import Matched, Outcome, score_events
from kwsd.evaluation.statistics import wilson_interval
from kwsd.evaluation.truth import SpokenWord
from kwsd.events import Detection
from kwsd.samples import RATE
from kwsd.spotting.trigger import TriggerSettings

LABELS = ("a", "b", "c", "_unknown_", "_silence_")
ONE = TriggerSettings(smoothing=1)


def made(rows: np.ndarray, *words: SpokenWord) -> ScoredStream:
    """A stream of windows with these scores, 100 ms apart, in which these words are spoken."""
    ends = 1600 * np.arange(1, len(rows) + 1)
    let_through = np.ones(len(rows), bool)
    return ScoredStream("s", "m", LABELS, 1600, int(ends[-1]), words, ends, rows, let_through)


def burst(rows: np.ndarray, at_s: float, column: int, score: float) -> None:
    first = round(at_s * 10)
    rows[first : first + 5, column] = score


def made_stream(hours: float = 2.0) -> ScoredStream:
    """Words of "a" every minute, heard at growing scores; five false alarms at known ones."""
    rows = np.zeros((round(hours * 36000), len(LABELS)), np.float32)
    words = []
    for n in range(100):
        at = 60.0 * n + 30
        words.append(SpokenWord(round((at - 0.3) * RATE), round(at * RATE), "a"))
        burst(rows, at, 0, from_log_odds(-2 + 0.1 * n))
    for n, odds in enumerate((7.06, 6.06, 5.06, 3.06, 1.06)):
        burst(rows, 600.0 * n + 5, 0, from_log_odds(odds))
    return made(rows, *words)


def test_the_curve_and_its_points_on_a_stream_made_by_hand():
    recorded = made_stream()
    trigger = TriggerSettings({"a": 0.5}, smoothing=1, refractory_ms=700)
    found = sweep([Replayer(recorded, ("a",), gated=False, trigger=trigger)], trigger)
    curve = found.curve
    assert (np.diff(curve.thresholds) < 0).all()
    assert (np.diff(curve.miss_rates) <= 0).all()
    assert (np.diff(curve.alarms_per_hour) >= 0).all()
    assert (curve.miss_rates[0], curve.alarms_per_hour[0]) == (1.0, 0.0)
    assert np.abs(np.diff(curve.thresholds)).min() == 0.5 / 2**7  # a step, halved seven times
    # Two hours: no alarm, one, two. Just above 7.06 words from 7.1 on are heard, which is 91; and so on.
    assert [len(point.alarms) for point in found.points] == [0, 1, 2]
    assert [point.misses for point in found.points] == [91, 81, 71]
    assert [point.budget for point in found.points] == [0.1, 0.5, 1.0]
    low, high = found.points[1].miss_interval
    assert low < 0.81 < high
    assert found.points[1].alarm_interval == pytest.approx((0.0253 / 2, 5.5716 / 2), abs=1e-4)
    assert found.points[0].latency_ms()[0] == pytest.approx(100.0)


def test_the_curve_ends_where_alarms_are_too_many_to_matter():
    rows = np.zeros((1200, len(LABELS)), np.float32)
    for n in range(60):  # two minutes: an alarm more is thirty more an hour
        burst(rows, 2.0 * n + 0.5, 0, from_log_odds(8 - 0.6 * (n // 2)))
    recorded = made(rows, SpokenWord(0, 100, "a"))
    found = sweep([Replayer(recorded, ("a",), gated=False, trigger=ONE)], TriggerSettings({"a": 0.5}, smoothing=1))
    alarms = found.curve.alarms_per_hour
    assert alarms[0] == 0
    assert alarms[-2] <= 200 < alarms[-1] <= 320


@pytest.mark.parametrize("threshold", [0.95, 1.0])
def test_a_sweep_goes_far_below_the_thresholds_that_were_given(threshold):
    rows = np.zeros((3600, len(LABELS)), np.float32)
    burst(rows, 50, 0, 0.4)
    recorded = made(rows, SpokenWord(50 * RATE - 5000, 50 * RATE, "a"))
    trigger = TriggerSettings({"a": threshold}, smoothing=1)
    found = sweep([Replayer(recorded, ("a",), gated=False, trigger=ONE)], trigger)
    assert [point.misses for point in found.points] == [0, 0, 0]


def test_a_sweep_begins_where_nothing_has_a_second_chance_either():
    rows = np.zeros((600, len(LABELS)), np.float32)
    for second in range(2, 58, 2):
        burst(rows, second, 0, 0.9999)
    recorded = made(rows, SpokenWord(50 * RATE - 5000, 50 * RATE, "a"))
    trigger = TriggerSettings({"a": 0.998}, smoothing=1, second_chance=3.0)
    found = sweep([Replayer(recorded, ("a",), gated=False, trigger=trigger)], trigger)
    assert (found.curve.miss_rates[0], found.curve.alarms_per_hour[0]) == (1.0, 0.0)
    assert [len(point.alarms) for point in found.points] == [0, 0, 0]


def test_clips_of_two_words_are_two_though_they_are_called_alike():
    heard = Detection("s", "a", 0.9, 0.5, 0, 100, 100, "m")

    def interval(clips):
        words = [SpokenWord(0, 100, word, clip) for word, clip in clips]
        outcomes = tuple(Outcome(word, None if n < 5 else heard) for n, word in enumerate(words))
        return OperatingPoint(None, 0.0, {}, 1.0, (Matched(outcomes, (), ()),)).miss_interval

    alone = interval([("a", f"{n}") for n in range(35)])
    assert interval([(f"w{n}", "1") for n in range(35)]) == alone
    assert interval([("a", "")] * 35) == alone
    assert alone[0] < 5 / 35 < alone[1]
    low, high = interval([("a", "1")] * 5 + [("b", "1")] * 30)  # two clips: one is always missed, one never
    assert (low, high) == (0.0, 1.0)


def test_a_clip_that_is_heard_again_makes_a_word_no_surer():
    heard = Detection("s", "a", 0.9, 0.5, 0, 100, 100, "m")

    def of(clips):
        outcomes = tuple(
            Outcome(SpokenWord(0, 100, "a", clip), heard if n % 5 else None) for n, clip in enumerate(clips)
        )
        (word,) = OperatingPoint(None, 0.0, {"a": 0.5}, 1.0, (Matched(outcomes, (), ()),)).by_word()
        return word

    once, again = of([f"{n}" for n in range(5)]), of([f"{n % 5}" for n in range(50)])
    assert (again.spoken, again.clips, again.missed) == (50, 5, 10)
    assert again.interval == pytest.approx(once.interval)
    assert of([""] * 50).interval == pytest.approx(wilson_interval(10, 50))


def test_the_given_thresholds_as_they_are():
    recorded = made_stream()
    point = operate([Replayer(recorded, ("a",), gated=False, trigger=ONE)], {"a": from_log_odds(3.05)})
    assert (point.budget, point.misses, len(point.alarms), point.hours) == (None, 51, 4, 2.0)
    (word,) = point.by_word()
    assert (word.spoken, word.missed, word.alarms) == (100, 51, 4)
    assert point.to_dict()["alarms_per_hour"] == 2.0


def test_streams_add_up():
    recorded = made_stream()
    replayers = [Replayer(recorded, ("a",), gated=False, trigger=ONE)] * 3
    point = operate(replayers, {"a": 0.99})
    assert (point.hours, len(point.outcomes)) == (6.0, 300)


def test_the_answers_of_all_streams_are_told_by_their_kinds() -> None:
    words = tuple(SpokenWord(at * RATE, at * RATE + 8000, word) for at, word in ((10, "a"), (20, "b"), (30, "b")))

    def heard(*found: tuple[str, float]) -> Matched:
        return score_events([Detection("s", word, 0.9, 0.5, 0, 0, round(at * RATE), "m") for word, at in found], words)

    first = heard(("a", 11.2), ("a", 20.3), ("a", 30.3), ("a", 50), ("b", 30.5), ("b", 30.6))
    second = heard(("a", 10.6), ("a", 10.7), ("a", 10.8), ("b", 20.7))
    point = OperatingPoint(0.5, -1.5, {"a": 0.9, "b": 0.9}, 2.0, (first, second))
    told = json.loads(json.dumps(point.to_dict()))
    assert (told["late"], told["substitutions"], told["repeats"], told["alarms"]) == (1, 2, 3, 4)
    assert (told["words"], told["misses"], told["miss_rate"], told["hours"]) == (6, 3, 0.5, 2.0)
    assert (told["budget_per_hour"], told["shift_log_odds"], told["alarms_per_hour"]) == (0.5, -1.5, 2.0)
    assert told["latency_ms"] == pytest.approx({"p50": 100.0, "p95": 190.0, "p99": 198.0})  # of 0, 100 and 200
    low, high = told["miss_rate_interval"]
    assert 0 < low < 0.5 < high < 1
    assert told["alarms_per_hour_interval"] == pytest.approx([1.0899 / 2, 10.2416 / 2], abs=1e-4)
    assert [(word["word"], word["missed"], word["alarms"]) for word in told["per_word"]] == [("a", 1, 4), ("b", 2, 0)]
    assert told["per_word"][1]["interval"] == pytest.approx(wilson_interval(2, 4))


def test_no_audio_has_no_rate_of_alarms() -> None:
    point = OperatingPoint(None, 0.0, {"a": 0.5}, 0.0, (score_events([], []),))
    assert math.isnan(point.alarms_per_hour)
    assert all(math.isnan(edge) for edge in point.alarm_interval)


def test_scores_of_one_and_words_that_never_fire():
    rows = np.zeros((3600, len(LABELS)), np.float32)
    burst(rows, 50, 0, 1.0)
    burst(rows, 100, 1, 1.0)
    recorded = made(rows, SpokenWord(50 * RATE, 51 * RATE, "a"))
    trigger = TriggerSettings({"a": 0.9, "b": math.inf}, smoothing=1)
    found = sweep([Replayer(recorded, ("a", "b"), gated=False, trigger=ONE)], trigger)
    assert found.points[0].misses == 0  # "b" stays out
    never = TriggerSettings({"a": math.inf}, smoothing=1)
    assert sweep([Replayer(recorded, ("a",), gated=False, trigger=ONE)], never).points[0].misses == 1
    both = TriggerSettings({"a": 0.9, "b": 0.9}, smoothing=1)
    found = sweep([Replayer(recorded, ("a", "b"), gated=False, trigger=ONE)], both)
    assert [point.misses for point in found.points] == [1, 1, 1]  # an alarm in six minutes is ten an hour
    assert found.curve.alarms_per_hour[0] == 0

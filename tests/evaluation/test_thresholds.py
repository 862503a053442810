from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from kwsd.evaluation.log_odds import from_log_odds, log_odds
from kwsd.evaluation.report import threshold
from kwsd.evaluation.scored_stream import ScoredStream
from kwsd.evaluation.scoring import LATE, SLACK
from kwsd.evaluation.thresholds import Choice, choose_thresholds, spend
from kwsd.evaluation.truth import SpokenWord
from kwsd.spotting.trigger import TriggerSettings

LABELS = ("a", "b", "c", "_unknown_", "_silence_")
TRIGGER = TriggerSettings(smoothing=1, refractory_ms=700)


def stream(hours: float, words: dict[str, list[float]], alarms: dict[str, list[float]]) -> ScoredStream:
    """Words and alarms by the log-odds of their scores, each a minute apart."""
    rows = np.zeros((round(hours * 36000), len(LABELS)), np.float32)
    spoken, minute = [], 0
    for kind in (words, alarms):
        for word, odds in kind.items():
            for value in odds:
                first = 600 * minute + 100
                rows[first : first + 4, LABELS.index(word)] = from_log_odds(value)
                if kind is words:
                    spoken.append(SpokenWord(first * 1600 - 4800, first * 1600, word))
                minute += 1
    ends = 1600 * np.arange(1, len(rows) + 1)
    return ScoredStream("s", "m", LABELS, 1600, len(rows) * 1600, tuple(spoken), ends, rows, np.ones(len(rows), bool))


def odds_of(choice: Choice) -> dict[str, float]:
    return {word: log_odds(value) for word, value in choice.operating.thresholds.items()}


def test_the_budget_goes_to_the_word_that_gains_most():
    spent = spend(
        [
            np.array([[0, 0], [2, 0], [2, 0], [3, 1], [9, 2]]),  # two alarms buy seven hits, one buys one
            np.array([[0, 0], [5, 0], [7, 1], [8, 2]]),  # one alarm buys two
        ],
        allowed=3,
    )
    assert spent == [4, 2]
    assert spend([np.array([[0, 0], [1, 1]])], allowed=0) == [0]


def test_more_hits_for_more_alarms_are_no_better_bargain() -> None:
    assert spend([np.array([[0, 0], [3, 3]]), np.array([[0, 0], [2, 1]])], allowed=3) == [0, 1]


def test_without_alarms_every_word_goes_as_low_as_it_gains():
    recorded = stream(2.0, {"a": [9, 6, 3.1], "b": [12, 11.6]}, {})
    choice = choose_thresholds([recorded], ["a", "b"], trigger=TRIGGER)
    assert choice.operating.misses == 0
    assert odds_of(choice) == {
        "a": pytest.approx(3.0, abs=1e-6),
        "b": pytest.approx(11.5, abs=1e-6),
    }


def test_the_budget_is_kept_over_all_streams():
    words = stream(2.0, {"a": [10, 8.1, 6.1, 4.1], "b": [10, 5.1, 5.2, 5.3, 5.4]}, {"a": [7.1, 5.6], "b": [6.1]})
    nothing = stream(2.0, {}, {"b": [5.2]})
    choice = choose_thresholds([words, nothing], ["a", "b"], trigger=TRIGGER, budget=0.5)
    # Two alarms in four hours: both go to "b", which gains four words for them and "a" only two.
    assert len(choice.operating.alarms) == 2
    assert {alarm.word for alarm in choice.operating.alarms} == {"b"}
    assert [word.missed for word in choice.operating.by_word()] == [2, 0]
    assert choice.operating.alarms_per_hour == 0.5
    none = choose_thresholds([words, nothing], ["a", "b"], trigger=TRIGGER, budget=0.0)
    assert (len(none.operating.alarms), none.operating.misses) == (0, 6)
    assert none.to_dict()["budget_per_hour"] == 0.0


def test_a_late_answer_makes_no_word_deaf():
    """The loudest thing of all is the right word, seven tenths of a second after its end; and its real alarms count."""
    recorded = stream(2.0, {"a": [8.1, 6.1, 5.1]}, {"a": [5.6]})
    late = SpokenWord(601_600, 606_400, "a")
    rows = recorded.scores.copy()
    first = -(-(late.end + 11_200) // 1600) - 1
    assert 0 < recorded.ends[first] - late.end - SLACK <= LATE - SLACK
    rows[first : first + 2, 0] = from_log_odds(12)
    recorded = replace(recorded, scores=rows, words=(late, *recorded.words))
    choice = choose_thresholds([recorded], ["a"], trigger=TRIGGER, budget=0.0)
    assert log_odds(choice.operating.thresholds["a"]) == pytest.approx(6.0, abs=1e-5)
    assert choice.operating.misses == 2  # the late one, and that under the real alarm
    assert [alarm.at for alarm in choice.operating.alarms] == [recorded.ends[first]]  # it is still told as one


def test_words_that_keep_to_the_budget_alone_are_raised_together_until_they_do_so_together():
    """After "b", "a" may not fire for two seconds, and then it is too late to be an answer; alone, it fires at once."""
    recorded = stream(1.0, {"c": [7.1, 7.4]}, {})
    rows, at = recorded.scores.copy(), 4000
    rows[at : at + 30, 0], rows[at - 1 : at + 3, 1] = from_log_odds(5.1), from_log_odds(9.1)
    end = int(recorded.ends[at])
    both = SpokenWord(end - 4800, end, "a"), SpokenWord(end - 4800, end, "b")
    recorded = replace(recorded, scores=rows, words=(*recorded.words, *both))
    slow = replace(TRIGGER, refractory_ms=2000)
    choice = choose_thresholds([recorded], ["a", "b", "c"], trigger=slow, budget=0.0)
    assert odds_of(choice) == {
        word: pytest.approx(odds, abs=1e-4) for word, odds in zip("abc", (5.25, 9.25, 7.25), strict=True)
    }
    assert [word.missed for word in choice.operating.by_word()] == [1, 1, 1]
    assert not choice.operating.alarms


def test_a_word_may_need_nearly_all_that_a_score_can_tell():
    recorded = stream(1.0, {"a": [15.6]}, {"a": [14.1]})
    choice = choose_thresholds([recorded], ["a"], trigger=TRIGGER, budget=0.0)
    assert (choice.operating.misses, len(choice.operating.alarms)) == (0, 0)


def test_a_word_never_spoken_keeps_its_threshold_or_more_where_it_alarms():
    """What was measured on hours of other words' streams is not given up for what is said in this one."""
    recorded = stream(2.0, {"a": [3.1]}, {"c": [6.6]})
    given = {"a": 0.8, "b": 0.9987, "c": 0.998}
    choice = choose_thresholds([recorded], ["a", "b", "c"], trigger=replace(TRIGGER, thresholds=given), budget=0.0)
    assert choice.operating.thresholds["b"] == pytest.approx(0.9987)
    low = replace(TRIGGER, thresholds=given | {"b": 0.3})
    assert choose_thresholds([recorded], ["a", "b"], trigger=low).operating.thresholds["b"] == pytest.approx(0.3)
    assert odds_of(choice) | {"b": 0} == {"a": pytest.approx(3, abs=1e-5), "b": 0, "c": pytest.approx(6.75, abs=1e-4)}


def test_a_word_that_is_spoken_but_never_heard_is_not_made_deaf_for_it():
    recorded = stream(2.0, {"a": [8.1], "b": [-3.0], "c": [-3.0]}, {"c": [9.1]})
    given = replace(TRIGGER, thresholds=dict.fromkeys("abc", from_log_odds(8.0)))
    choice = choose_thresholds([recorded], ["a", "b", "c"], trigger=given, budget=0.0)
    assert odds_of(choice) == {
        "a": pytest.approx(8, abs=1e-5),
        "b": pytest.approx(8, abs=1e-5),
        "c": pytest.approx(9.25, abs=1e-4),
    }
    assert [word.missed for word in choice.operating.by_word()] == [0, 1, 1]


def test_a_word_that_cannot_be_told_from_its_alarms_never_fires():
    rows = stream(1.0, {"a": [3.1], "b": [6.1]}, {})
    rows.scores[20000:20005, 1] = 1.0
    given = replace(TRIGGER, thresholds={"a": 0.95, "b": 0.95})
    choice = choose_thresholds([rows], ["a", "b"], trigger=given, budget=0.5)
    assert choice.operating.thresholds["b"] == math.inf
    assert not choice.operating.alarms
    assert [word.missed for word in choice.operating.by_word()] == [0, 1]


def test_no_threshold_below_a_half():
    choice = choose_thresholds([stream(1.0, {"a": [2.0, 0.1, -0.1]}, {})], ["a"], trigger=TRIGGER)
    assert choice.operating.misses == 1
    assert choice.operating.thresholds["a"] == 0.5


def test_an_hour_in_ten_streams_has_the_budget_of_an_hour():
    """Ten times a tenth is less than one, by a rounding error."""
    silence = [stream(0.1, {}, {}) for _ in range(9)]
    choice = choose_thresholds([stream(0.1, {"a": [3.1]}, {"a": [6.1]}), *silence], ["a"], trigger=TRIGGER, budget=1.0)
    assert (choice.operating.misses, len(choice.operating.alarms)) == (0, 1)


def test_what_the_gate_keeps_out_is_no_alarm():
    recorded = stream(1.0, {"a": [3.1]}, {"a": [6.1]})
    let_through = recorded.open.copy()
    let_through[690:720] = False  # the alarm, in the second minute
    gated = replace(recorded, open=let_through)
    choice = choose_thresholds([gated], ["a"], trigger=TRIGGER, budget=0.0)
    assert odds_of(choice) == {"a": pytest.approx(3.0, abs=1e-5)}
    given = replace(TRIGGER, thresholds={"a": 0.9})
    without = choose_thresholds([gated], ["a"], trigger=given, gated=False, budget=0.0)
    assert odds_of(without)["a"] > 6


def test_each_word_is_judged_by_its_claim_beside_the_others():
    """With another word that may be meant, a claim is higher than the probability."""
    recorded = stream(1.0, {"a": [1.0]}, {})
    rows = recorded.scores.copy()
    rows[100:104] = (0.7, 0.29, 0, 0.01, 0)
    trigger = replace(TRIGGER, substitution=0.1, thresholds={"a": 0.9, "b": 0.9})
    choice = choose_thresholds([replace(recorded, scores=rows)], ["a", "b"], trigger=trigger)
    claim = 0.7 / (0.7 + 0.01 + 0.1 * 0.29)
    assert log_odds(claim) - 0.25 <= odds_of(choice)["a"] <= log_odds(claim)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.95, "0.950000"),
        (0.9991, "0.999100"),
        (1 - 3.06e-7, "0.999999694"),
        (1 - 7e-9, "0.99999999300"),
        (1.0, "1.000000"),
    ],
)
def test_a_threshold_is_printed_as_far_as_it_tells(value: float, text: str) -> None:
    """With 1.000000 for 0.9999997 a word would go deaf."""
    assert threshold(value) == text

"""What fired wrongly and what was missed, with where to listen."""

from __future__ import annotations

import json

import pytest

from kwsd.evaluation.mishearings import MOST, false_alarms, misses, tables
from kwsd.evaluation.scoring import Matched, score_events
from kwsd.evaluation.truth import SpokenWord
from kwsd.events import Detection
from kwsd.samples import RATE

WORDS = (
    SpokenWord(1 * RATE, 2 * RATE, "yes", "a.wav"),
    SpokenWord(5 * RATE, 6 * RATE, "no"),
    SpokenWord(9 * RATE, 10 * RATE, "yes", "a.wav"),
)


def fired(stream: str, word: str, at_s: float) -> Detection:
    at = round(at_s * RATE)
    return Detection(stream, word, 0.9991234, 0.9, at - RATE, at, at, "m")


@pytest.fixture
def scored() -> list[Matched]:
    """In one stream a late answer, another word, and an alarm while nobody speaks; in the other nothing is heard."""
    said = [fired("s", "yes", 2.75), fired("s", "yes", 5.5), fired("s", "yes", 9.9), fired("s", "up", 20)]
    return [score_events(said, WORDS), score_events([], WORDS[:1])]


def test_each_is_told_with_its_place(scored: list[Matched]) -> None:
    alarms = json.loads(json.dumps(list(false_alarms(scored))))
    assert [(one["at_s"], one["word"], one["said"]) for one in alarms] == [
        (2.75, "yes", "yes"), (5.5, "yes", "no"), (20.0, "up", None),
    ]  # fmt: skip
    assert {(one["stream"], one["score"]) for one in alarms} == {("s", 0.999123)}
    assert list(misses(("s", "t"), scored)) == [
        {"stream": "s", "start_s": 1.0, "end_s": 2.0, "word": "yes", "clip": "a.wav"},
        {"stream": "s", "start_s": 5.0, "end_s": 6.0, "word": "no", "clip": None},
        {"stream": "t", "start_s": 1.0, "end_s": 2.0, "word": "yes", "clip": "a.wav"},
    ]


def test_a_table_tells_the_answers_apart(scored: list[Matched]) -> None:
    fired, missed = tables(("s", "t"), scored)
    assert [row[1:] for row in fired.rows] == [
        ("2.75", "yes", "0.999123", "late"), ("5.50", "yes", "0.999123", "no"), ("20.00", "up", "0.999123", ""),
    ]  # fmt: skip
    assert (fired.title, len(missed.rows)) == ("What fired wrongly", 3)


def test_of_many_the_first_are_shown_and_of_nothing_no_table() -> None:
    many = score_events([fired("s", "up", n) for n in range(1, MOST + 3)], ())
    (table,) = tables(("s",), [many])
    assert len(table.rows) == MOST
    assert table.title == f"What fired wrongly: the first {MOST} of {MOST + 2}; --json has all"
    (table,) = tables(("s",), [score_events([], WORDS * MOST)])
    assert len(table.rows) == MOST
    assert table.title == f"What was missed: the first {MOST} of {3 * MOST}; --json has all"
    assert list(tables(("s",), [score_events([], ())])) == []

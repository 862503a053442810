"""What a report of streams tells, at points whose figures are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kwsd.evaluation.det import Sweep
from kwsd.evaluation.operating import OperatingPoint
from kwsd.evaluation.scoring import score_events
from kwsd.evaluation.statistics import DetCurve
from kwsd.evaluation.stream_report import GateReport, StreamReport
from kwsd.evaluation.truth import SpokenWord
from kwsd.events import Detection
from kwsd.samples import RATE

WORDS = tuple(SpokenWord(at * RATE, at * RATE + 8000, word) for at, word in ((10, "a"), (20, "b"), (30, "b")))


def point(budget: float | None, shift: float, *heard: tuple[str, float]) -> OperatingPoint:
    """Two hours in which these words fire at these seconds."""
    fired = [Detection("s", word, 0.9, 0.5, 0, 0, round(at * RATE), "m") for word, at in heard]
    return OperatingPoint(budget, shift, {"a": 0.9, "b": 0.95}, 2.0, (score_events(fired, WORDS),))


@pytest.fixture
def report() -> StreamReport:
    given = point(None, 0.0, ("a", 10.6), ("a", 10.7), ("a", 20.3), ("a", 30.3), ("b", 31.2), ("b", 50), ("b", 60))
    curve = DetCurve(np.array([2.0, 0.0]), np.array([1.0, 0.5]), np.array([0.0, 2.5]))
    gates = [
        GateReport(gated, share, cost, given, Sweep(curve, (point(0.5, -1.25, ("b", 20.75)),)))
        for gated, share, cost in ((True, 0.25, 0.0125), (False, 0.75, 0.03))
    ]
    return StreamReport("m", ("s",), 2.0, 3, (), tuple(gates))


def test_the_points_are_told_with_their_rates_and_answers(report: StreamReport) -> None:
    total, rates, answers, *_ = report.tables()
    assert ("gate on: windows scored", "25.0 %") in total.rows
    assert ("gate off: processor seconds a second of audio", "0.0300") in total.rows
    assert rates.rows[:2] == (
        ("on", "as given", "66.7 %", "0.0 to 100.0 %", "2.50", "0.81 to 5.83"),
        ("on", "0.5 an hour (-1.25)", "66.7 %", "0.0 to 100.0 %", "0.00", "0.00 to 1.84"),
    )
    assert answers.rows[:2] == (
        ("on", "as given", "1", "2", "1", "100 / 100 / 100 ms"),
        ("on", "0.5 an hour (-1.25)", "0", "0", "0", "250 / 250 / 250 ms"),
    )
    assert [row[0] for row in rates.rows] == ["on", "on", "off", "off"]


def test_the_words_are_told_with_their_thresholds(report: StreamReport) -> None:
    words = report.tables()[3]
    assert words.title == "By word, as given"
    assert words.rows == (
        ("a", "1", "1", "0.0 %", "0.0 to 79.3 %", "2", "0.900000"),
        ("b", "2", "2", "100.0 %", "34.2 to 100.0 %", "3", "0.950000"),
    )


def test_the_curve_and_the_costs_are_in_the_json(report: StreamReport) -> None:
    gate = json.loads(json.dumps(report.to_dict()))["gates"][0]
    assert (gate["gate"], gate["windows_scored_share"], gate["cpu_s_per_s"]) == (True, 0.25, 0.0125)
    assert gate["det"] == {"shift_log_odds": [2.0, 0.0], "miss_rate": [1.0, 0.5], "alarms_per_hour": [0.0, 2.5]}
    assert (gate["at_given_thresholds"]["alarms"], gate["at_budgets"][0]["alarms"]) == (5, 0)

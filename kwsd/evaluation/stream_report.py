"""The result of a stream evaluation, as values and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kwsd.evaluation import mishearings
from kwsd.evaluation.det import Sweep
from kwsd.evaluation.operating import OperatingPoint
from kwsd.evaluation.report import Row, Table, hours, number, percent, plain_table, span, threshold
from kwsd.evaluation.thresholds import Choice


@dataclass(frozen=True, slots=True, eq=False)
class GateReport:
    """The figures with the gate on, or off: `given` at the given thresholds, `sweep` at others."""

    gated: bool
    scored_share: float
    cpu_per_second: float
    given: OperatingPoint
    sweep: Sweep

    @property
    def points(self) -> tuple[OperatingPoint, ...]:
        """The point at the given thresholds, then one for each budget."""
        return (self.given, *self.sweep.points)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        curve = self.sweep.curve
        return plain_table(
            {
                "gate": self.gated,
                "windows_scored_share": self.scored_share,
                "cpu_s_per_s": self.cpu_per_second,
                "at_given_thresholds": self.given.to_dict(),
                "at_budgets": [point.to_dict() for point in self.sweep.points],
                "det": {
                    "shift_log_odds": curve.thresholds,
                    "miss_rate": curve.miss_rates,
                    "alarms_per_hour": curve.alarms_per_hour,
                },
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class StreamReport:
    """The result on streams with known words, with the gate as it is set, then the other way."""

    model: str
    streams: tuple[str, ...]
    hours: float
    spoken: int
    notes: tuple[str, ...]
    gates: tuple[GateReport, ...]
    chosen: Choice | None = None
    """Thresholds for a budget, with the gate as it is set; None if they were not asked for."""
    unreadable: tuple[str, ...] = ()
    """The error of each file that was left out."""

    def rows(self) -> tuple[Row, ...]:
        """The overall figures."""
        found: list[Row] = [("streams", ", ".join(self.streams)), ("hours", hours(self.hours))]
        found.append(("words spoken", f"{self.spoken}"))
        for gate in self.gates:
            on = "gate on" if gate.gated else "gate off"
            found.append((f"{on}: windows scored", percent(gate.scored_share)))
            found.append((f"{on}: processor seconds a second of audio", number(gate.cpu_per_second, 4)))
        notes = (*self.notes, *(f"left out: {reason}" for reason in self.unreadable))
        return tuple(found + [("note", note) for note in notes])

    def tables(self) -> tuple[Table, ...]:
        """The tables to print.

        The overall figures, the operating points in two tables, and with the gate as it is set the words at each point
        and the mistakes at the given thresholds."""
        points = [(gate.gated, point) for gate in self.gates for point in gate.points]
        words = tuple(_word_table(point) for gate in self.gates[:1] for point in gate.points)
        if self.chosen:
            words = (_word_table(self.chosen.operating, f"chosen for {self.chosen.budget:g} an hour"), *words)
        wrong = mishearings.tables(self.streams, self.gates[0].given.scored)
        return Table("Streams", ("figure", self.model), self.rows()), _rates(points), _answers(points), *words, *wrong

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        scored = self.gates[0].given.scored
        return {
            "kind": "stream",
            "model": self.model,
            "streams": list(self.streams),
            "hours": self.hours,
            "words": self.spoken,
            "notes": list(self.notes),
            "unreadable": list(self.unreadable),
            "gates": [gate.to_dict() for gate in self.gates],
            "false_alarms": list(mishearings.false_alarms(scored)),
            "missed": list(mishearings.misses(self.streams, scored)),
        } | ({"chosen": self.chosen.to_dict()} if self.chosen else {})


def _name(point: OperatingPoint) -> str:
    if point.budget is None:
        return "as given"
    return f"{point.budget:g} an hour ({point.shift:+.2f})"


def _head(gated: bool, point: OperatingPoint) -> tuple[str, str]:
    return "on" if gated else "off", _name(point)


def _rates(points: Sequence[tuple[bool, OperatingPoint]]) -> Table:
    """The miss and alarm rates of each point; in one table with the answers they would not fit 80 columns."""
    rows = tuple(
        (
            *_head(gated, point),
            percent(point.miss_rate),
            span(*point.miss_interval),
            number(point.alarms_per_hour),
            " to ".join(map(number, point.alarm_interval)),
        )
        for gated, point in points
    )
    return Table("Points", ("gate", "thresholds", "missed", "95 %", "alarms an hour", "95 %"), rows)


def _answers(points: Sequence[tuple[bool, OperatingPoint]]) -> Table:
    """The wrong answers of each point by kind, and the latency of its right ones."""
    rows = tuple(
        (
            *_head(gated, point),
            f"{point.late}",
            f"{point.substitutions}",
            f"{point.repeats}",
            " / ".join(number(value, 0) for value in point.latency_ms()) + " ms",
        )
        for gated, point in points
    )
    return Table("Answers", ("gate", "thresholds", "late", "other word", "repeats", "latency p50/95/99"), rows)


def _word_table(point: OperatingPoint, name: str = "") -> Table:
    """The words that were spoken or heard; the others are in the JSON only."""
    rows = tuple(
        (
            word.word,
            f"{word.spoken}",
            f"{word.clips}",
            percent(word.miss_rate),
            span(*word.interval),
            f"{word.alarms}",
            threshold(point.thresholds[word.word]),
        )
        for word in point.by_word()
        if word.spoken or word.alarms
    )
    columns = ("word", "spoken", "clips", "missed", "95 %", "alarms", "threshold")
    return Table(f"By word, {name or _name(point)}", columns, rows)

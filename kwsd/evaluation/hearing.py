"""How well a model hears words in streams: `kwsd eval stream`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kwsd.errors import InputError
from kwsd.evaluation.det import BUDGETS, Operating, Sweep, operate, sweep
from kwsd.evaluation.recorded import Recorded, record
from kwsd.evaluation.replay import HOP
from kwsd.evaluation.report import Row, Table, number, percent, plain_table, span
from kwsd.evaluation.sweep import Replayer
from kwsd.evaluation.thresholds import Choice, choose_thresholds
from kwsd.evaluation.truth import SpokenWord, Stream
from kwsd.events import RATE
from kwsd.shown import brief
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Classifier
from kwsd.spotting.trigger import TriggerSettings

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done and how much there is."""


@dataclass(frozen=True, slots=True, eq=False)
class GateReport:
    """All figures with the gate on, or off. `shipped` is at the given thresholds, `sweep` at others."""

    gated: bool
    scored_share: float
    cpu_per_second: float
    shipped: Operating
    sweep: Sweep

    @property
    def points(self) -> tuple[Operating, ...]:
        """The point at the given thresholds, then one a budget."""
        return (self.shipped, *self.sweep.points)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        curve = self.sweep.curve
        return plain_table(
            {
                "gate": self.gated,
                "windows_scored_share": self.scored_share,
                "cpu_s_per_s": self.cpu_per_second,
                "at_given_thresholds": self.shipped.to_dict(),
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
    """Streams with known words, with the gate on and off."""

    model: str
    streams: tuple[str, ...]
    hours: float
    spoken: int
    notes: tuple[str, ...]
    gates: tuple[GateReport, ...]
    chosen: Choice | None = None
    """Thresholds for a budget, with the gate on, if they were asked for."""

    def rows(self) -> tuple[Row, ...]:
        """The figures in all."""
        found: list[Row] = [("streams", ", ".join(self.streams)), ("hours", number(self.hours))]
        found.append(("words spoken", f"{self.spoken}"))
        for gate in self.gates:
            on = "gate on" if gate.gated else "gate off"
            found.append((f"{on}: windows scored", percent(gate.scored_share)))
            found.append((f"{on}: processor seconds a second of audio", number(gate.cpu_per_second, 4)))
        return tuple(found + [("note", note) for note in self.notes])

    def tables(self) -> tuple[Table, ...]:
        """The figures in all, the operating points, and the words at each point with the gate on."""
        rates = ("missed", "95 %", "alarms an hour", "95 %")
        columns = ("gate", "thresholds", *rates, "late", "other word", "repeats", "latency p50/95/99")
        points = tuple(_point_row(gate.gated, point) for gate in self.gates for point in gate.points)
        words = tuple(_word_table(point) for gate in self.gates[:1] for point in gate.points)
        if self.chosen:
            words = (_word_table(self.chosen.operating, f"chosen for {self.chosen.budget:g} an hour"), *words)
        return Table("Streams", ("figure", self.model), self.rows()), Table("Points", columns, points), *words

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": "stream",
            "model": self.model,
            "streams": list(self.streams),
            "hours": self.hours,
            "words": self.spoken,
            "notes": list(self.notes),
            "gates": [gate.to_dict() for gate in self.gates],
        } | ({"chosen": self.chosen.to_dict()} if self.chosen else {})


def evaluate_streams(
    streams: Iterable[Stream],
    classifier: Classifier,
    *,
    trigger: TriggerSettings,
    gate: GateSettings,
    hop: int = HOP,
    window: int = RATE,
    coarse: int = 0,
    budgets: Sequence[float] = BUDGETS,
    choose: float | None = None,
    progress: Progress | None = None,
) -> StreamReport:
    """Score the streams' windows once, then replay gate and trigger at many thresholds.

    The words that may fire are those of `trigger.thresholds`; other spoken words are not looked for. With `choose`,
    thresholds for so many false alarms an hour are chosen too. Raises InputError where none of the words is spoken.
    """
    streams, recorded = list(streams), []
    _check_spoken([word for stream in streams for word in stream.words], trigger.thresholds)
    for stream in streams:

        def scored(done: int, stream: Stream = stream) -> None:
            if progress:
                progress(f"scoring {stream.name}", done, len(stream.samples))

        recorded.append(record(stream, classifier, gate=gate, hop=hop, window=window, coarse=coarse, progress=scored))
    return report_streams(recorded, trigger=trigger, budgets=budgets, choose=choose, progress=progress)


def report_streams(
    recorded: Sequence[Recorded],
    *,
    trigger: TriggerSettings,
    budgets: Sequence[float] = BUDGETS,
    choose: float | None = None,
    progress: Progress | None = None,
) -> StreamReport:
    """The report of streams that were scored before; the rest as for `evaluate_streams`."""
    gates = []
    words = tuple(trigger.thresholds)
    _check_spoken([word for each in recorded for word in each.words], words)
    length = sum(each.length for each in recorded)
    for gated in (True, False):
        replayers = [Replayer(each, words, gated=gated, trigger=trigger) for each in recorded]

        def swept(done: int, total: int, gated: bool = gated) -> None:
            if progress:
                progress(f"thresholds, gate {'on' if gated else 'off'}", done, total)

        scored = sum(each.scored_share(trigger, gated=gated) * each.length for each in recorded)
        cost = sum(each.cpu_per_second(trigger, gated=gated) * each.length for each in recorded)
        gates.append(
            GateReport(
                gated=gated,
                scored_share=scored / max(1, length),
                cpu_per_second=cost / max(1, length),
                shipped=operate(replayers, trigger),
                sweep=sweep(replayers, trigger, budgets=budgets, progress=swept),
            )
        )
    return StreamReport(
        chosen=None if choose is None else _chosen(recorded, trigger, choose, progress),
        model=recorded[0].model,
        streams=tuple(each.name for each in recorded),
        hours=sum(each.hours for each in recorded),
        spoken=len(gates[0].shipped.outcomes),
        notes=tuple(dict.fromkeys(note for each in recorded for note in each.notes)) + _strangers(recorded, words),
        gates=tuple(gates),
    )


def _check_spoken(spoken: Iterable[SpokenWord], words: Collection[str]) -> None:
    """Raise InputError unless one of the `words` that may fire is spoken."""
    there = sorted({word.word for word in spoken})
    if not there:
        raise InputError("no word is spoken in these streams; name a table with words")
    if not set(there) & set(words):
        raise InputError(
            f"no word that is spoken here may fire: {brief(', '.join(there), 100)};",
            f"those that may: {', '.join(words)}",
        )


def _chosen(recorded: Sequence[Recorded], trigger: TriggerSettings, budget: float, progress: Progress | None) -> Choice:
    def tried(done: int, total: int) -> None:
        if progress:
            progress("choosing thresholds", done, total)

    return choose_thresholds(recorded, tuple(trigger.thresholds), trigger=trigger, budget=budget, progress=tried)


def _strangers(recorded: Sequence[Recorded], words: Sequence[str]) -> tuple[str, ...]:
    others = {word.word for each in recorded for word in each.words} - set(words)
    return (f"spoken, but not listened for: {', '.join(sorted(others))}",) if others else ()


def _name(point: Operating) -> str:
    if point.budget is None:
        return "as given"
    return f"{point.budget:g} an hour ({point.shift:+.2f})"


def _point_row(gated: bool, point: Operating) -> tuple[str, ...]:
    low, high = point.alarm_interval
    return (
        "on" if gated else "off",
        _name(point),
        percent(point.miss_rate),
        span(*point.miss_interval),
        number(point.alarms_per_hour),
        f"{number(low)} to {number(high)}",
        f"{point.late}",
        f"{point.substitutions}",
        f"{point.repeats}",
        " / ".join(number(value, 0) for value in point.latency_ms()) + " ms",
    )


def _word_table(point: Operating, name: str = "") -> Table:
    rows: Mapping[str, tuple[str, ...]] = {
        word.word: (
            word.word,
            f"{word.spoken}",
            percent(word.miss_rate),
            span(*word.interval),
            f"{word.alarms}",
            number(point.thresholds[word.word], 6),
        )
        for word in point.by_word()
    }
    columns = ("word", "spoken", "missed", "95 %", "alarms", "threshold")
    return Table(f"By word, {name or _name(point)}", columns, tuple(rows.values()))

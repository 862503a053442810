"""The false alarms on audio without words, as values and tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kwsd.evaluation import statistics
from kwsd.evaluation.report import Row, Table, hours, number, percent, plain_table


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A detection where no word was spoken.

    It fired at `second` of the file `path`, which holds the clip `name`. `snippet` is its recording, if one was kept.
    """

    path: Path
    name: str
    second: float
    word: str
    score: float
    snippet: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": str(self.path),
            "clip": self.name,
            "second": round(self.second, 3),
            "word": self.word,
            "score": round(self.score, 6),
            "snippet": None if self.snippet is None else str(self.snippet),
        }


@dataclass(frozen=True, slots=True, eq=False)
class NegativeReport:
    """False alarms over `seconds` of audio, in order of time."""

    model: str
    recordings: int
    seconds: float
    gated: bool
    scored_share: float
    cpu_per_second: float
    alarms: tuple[FalseAlarm, ...]
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def per_hour(self) -> float:
        """False alarms an hour."""
        return statistics.false_alarms_per_hour(len(self.alarms), self.seconds)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the false alarms an hour, exact for a Poisson count."""
        low, high = statistics.poisson_interval(len(self.alarms))
        return 3600 * low / self.seconds, 3600 * high / self.seconds

    def by_word(self) -> dict[str, int]:
        """The number of alarms of each word, the greatest first."""
        words = [alarm.word for alarm in self.alarms]
        return {word: words.count(word) for word in sorted(set(words), key=lambda word: (-words.count(word), word))}

    def rows(self) -> tuple[Row, ...]:
        """The overall figures."""
        low, high = self.interval
        return (
            ("recordings", f"{self.recordings}"),
            ("hours", hours(self.seconds / 3600)),
            ("false alarms", f"{len(self.alarms)}"),
            ("false alarms an hour", f"{number(self.per_hour)} (95 %: {number(low)} to {number(high)})"),
            ("gate", "on" if self.gated else "off"),
            ("windows scored", percent(self.scored_share)),
            ("processor seconds a second of audio", number(self.cpu_per_second, 4)),
            *(("note", note) for note in self.notes),
            *(("note", f"left out: {reason}") for reason in self.unreadable),
        )

    def tables(self) -> tuple[Table, ...]:
        """The overall figures, the number of alarms by word, and each alarm."""
        fired = tuple(
            (alarm.name, f"{alarm.second:.2f}", alarm.word, f"{alarm.score:.4f}", str(alarm.path))
            for alarm in self.alarms
        )
        words = tuple((word, f"{count}") for word, count in self.by_word().items())
        return (
            Table("Negatives", ("figure", self.model), self.rows()),
            Table("By word", ("word", "false alarms"), words),
            Table("What fired", ("clip", "second", "word", "score", "file"), fired),
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_table(
            {
                "kind": "negatives",
                "model": self.model,
                "recordings": self.recordings,
                "hours": self.seconds / 3600,
                "gate": self.gated,
                "windows_scored_share": self.scored_share,
                "cpu_s_per_s": self.cpu_per_second,
                "false_alarms": len(self.alarms),
                "false_alarms_per_hour": self.per_hour,
                "interval": self.interval,
                "per_word": self.by_word(),
                "alarms": [alarm.to_dict() for alarm in self.alarms],
                "notes": self.notes,
                "unreadable": self.unreadable,
            }
        )

"""An operating point: the misses and false alarms of one set of thresholds on recorded streams, in all and by word."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kwsd.evaluation import statistics
from kwsd.evaluation.log_odds import shifted
from kwsd.evaluation.replayer import Replayer
from kwsd.evaluation.report import plain_table
from kwsd.evaluation.scoring import Matched, Outcome
from kwsd.events import Detection


@dataclass(frozen=True, slots=True)
class WordMisses:
    """One word's figures at an operating point.

    The word was spoken `spoken` times, from `clips` different clips: a clip may be used more than once.
    """

    word: str
    spoken: int
    clips: int
    missed: int
    alarms: int

    @property
    def miss_rate(self) -> float:
        """The share of the word's occurrences that were missed; NaN if there are none."""
        return statistics.miss_rate(self.missed, self.spoken)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the miss rate, with a clip as one trial: its repetitions add little evidence."""
        return statistics.wilson_interval(self.clips * self.miss_rate, self.clips)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_table(asdict(self) | {"miss_rate": self.miss_rate, "interval": self.interval})


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoint:
    """The results of one set of thresholds on some streams, `hours` long in all.

    `budget` is the number of false alarms an hour that the thresholds were chosen for; None for the user's own.
    `shift` is their distance from the user's thresholds in log-odds. `scored` has one entry for each stream.
    """

    budget: float | None
    shift: float
    thresholds: Mapping[str, float]
    hours: float
    scored: tuple[Matched, ...]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The spoken words of all streams, heard or missed."""
        return tuple(outcome for each in self.scored for outcome in each.outcomes)

    @property
    def alarms(self) -> tuple[Detection, ...]:
        """The detections that answer no word, another word, or the right word too late."""
        return tuple(alarm for each in self.scored for alarm in each.alarms)

    @property
    def repeats(self) -> int:
        """The number of further detections of words that were heard already."""
        return sum(len(each.repeats) for each in self.scored)

    @property
    def late(self) -> int:
        """The number of alarms that are the right word, heard too late."""
        return sum(each.late for each in self.scored)

    @property
    def substitutions(self) -> int:
        """The number of alarms that are another word than was spoken."""
        return sum(each.substitutions for each in self.scored)

    @property
    def misses(self) -> int:
        """The number of spoken words that were not detected."""
        return sum(each.misses for each in self.scored)

    @property
    def miss_rate(self) -> float:
        """The share of the spoken words that were missed; NaN if none was spoken."""
        return statistics.miss_rate(self.misses, len(self.outcomes))

    @property
    def miss_interval(self) -> tuple[float, float]:
        """The 95 % bootstrap interval of the miss rate; occurrences of one clip are resampled together.

        A clip is identified by word and name: in Speech Commands, one speaker's clips share a name across words."""
        return statistics.miss_interval([outcome.missed for outcome in self.outcomes], groups=_clips(self.outcomes))

    @property
    def alarms_per_hour(self) -> float:
        """False alarms an hour."""
        return statistics.false_alarms_per_hour(len(self.alarms), 3600 * self.hours)

    @property
    def alarm_interval(self) -> tuple[float, float]:
        """The 95 % interval of the false alarms an hour, exact for a Poisson count; NaN for no audio."""
        low, high = statistics.poisson_interval(len(self.alarms))
        return (low / self.hours, high / self.hours) if self.hours else (math.nan, math.nan)

    def latency_ms(self) -> tuple[float, ...]:
        """The 50th, 95th and 99th percentile of the hits' latencies, from the word's true end to the event."""
        return statistics.percentiles(self.latencies_ms())

    def latencies_ms(self) -> list[float]:
        """The latencies of all hits."""
        return [latency for stream in self.scored for latency in stream.latencies_ms()]

    def by_word(self) -> tuple[WordMisses, ...]:
        """The figures of every word that may fire."""
        found, outcomes, alarms = [], self.outcomes, self.alarms
        for word in self.thresholds:
            own = [outcome for outcome in outcomes if outcome.word.word == word]
            missed, fired = sum(outcome.missed for outcome in own), sum(alarm.word == word for alarm in alarms)
            found.append(WordMisses(word, len(own), len(set(_clips(own))), missed, fired))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        p50, p95, p99 = self.latency_ms()
        return plain_table(
            {
                "budget_per_hour": self.budget,
                "shift_log_odds": self.shift,
                "thresholds": self.thresholds,
                "words": len(self.outcomes),
                "misses": self.misses,
                "miss_rate": self.miss_rate,
                "miss_rate_interval": self.miss_interval,
                "repeats": self.repeats,
                "alarms": len(self.alarms),
                "late": self.late,
                "substitutions": self.substitutions,
                "hours": self.hours,
                "alarms_per_hour": self.alarms_per_hour,
                "alarms_per_hour_interval": self.alarm_interval,
                "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
                "per_word": [word.to_dict() for word in self.by_word()],
            }
        )


def _clips(outcomes: Sequence[Outcome]) -> list[Hashable]:
    """A key for the clip of each outcome; an outcome whose clip is not known counts as a clip of its own."""
    words = [outcome.word for outcome in outcomes]
    return [(word.word, word.clip) if word.clip else index for index, word in enumerate(words)]


def operate(
    replayers: Sequence[Replayer], thresholds: Mapping[str, float], *, shift: float = 0.0, budget: float | None = None
) -> OperatingPoint:
    """Replay all streams at these thresholds, moved by `shift` in log-odds."""
    moved = shifted(thresholds, shift) if shift else thresholds
    return OperatingPoint(
        budget=budget,
        shift=shift,
        thresholds=moved,
        hours=sum(replayer.recorded.hours for replayer in replayers),
        scored=tuple(replayer.scored(moved) for replayer in replayers),
    )

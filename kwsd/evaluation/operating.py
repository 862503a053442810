"""An operating point: what one set of thresholds gives over recorded streams, in all and by word."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kwsd.evaluation import statistics
from kwsd.evaluation.replayer import Replayer, shifted
from kwsd.evaluation.report import plain_table
from kwsd.evaluation.scoring import Matched, Outcome
from kwsd.events import Detection
from kwsd.spotting.trigger import TriggerSettings


@dataclass(frozen=True, slots=True)
class WordMisses:
    """One word's share of an operating point. What was `spoken` came from so many `clips`, some of them heard again."""

    word: str
    spoken: int
    clips: int
    missed: int
    alarms: int

    @property
    def miss_rate(self) -> float:
        """The share of its occurrences that nothing heard; NaN for none."""
        return statistics.miss_rate(self.missed, self.spoken)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of it, as of so many clips: to hear one again tells little more."""
        return statistics.wilson_interval(self.clips * self.miss_rate, self.clips)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_table(asdict(self) | {"miss_rate": self.miss_rate, "interval": self.interval})


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoint:
    """What one set of thresholds gives over some streams, `hours` long in all.

    `budget` is the number of false alarms an hour that it was chosen for, None where it was given. `shift` is its
    distance from the given thresholds in log-odds. `scored` has an entry a stream.
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
        """What fired at nothing, at another word, or too late."""
        return tuple(alarm for each in self.scored for alarm in each.alarms)

    @property
    def repeats(self) -> int:
        """How often a word was heard again."""
        return sum(len(each.repeats) for each in self.scored)

    @property
    def late(self) -> int:
        """Of the alarms, the right word heard too late."""
        return sum(each.late for each in self.scored)

    @property
    def substitutions(self) -> int:
        """Of the alarms, another word than was spoken."""
        return sum(each.substitutions for each in self.scored)

    @property
    def misses(self) -> int:
        """Words that nothing heard."""
        return sum(each.misses for each in self.scored)

    @property
    def miss_rate(self) -> float:
        """Their share of the spoken words; NaN for none."""
        return statistics.miss_rate(self.misses, len(self.outcomes))

    @property
    def miss_interval(self) -> tuple[float, float]:
        """95 %, by bootstrap; occurrences of one clip are drawn together. Another word's clip of the same name is
        another, as in Speech Commands, where a speaker's are called alike."""
        return statistics.miss_interval([outcome.missed for outcome in self.outcomes], groups=_clips(self.outcomes))

    @property
    def alarms_per_hour(self) -> float:
        """False alarms an hour."""
        return statistics.false_alarms_per_hour(len(self.alarms), 3600 * self.hours)

    @property
    def alarm_interval(self) -> tuple[float, float]:
        """95 % of them an hour, exact for a Poisson count."""
        low, high = statistics.poisson_interval(len(self.alarms))
        return (low / self.hours, high / self.hours) if self.hours else (math.nan, math.nan)

    def latency_ms(self) -> tuple[float, ...]:
        """From the word's true end to the event: the 50th, 95th and 99th percentile of the hits."""
        return statistics.percentiles(self.latencies_ms())

    def latencies_ms(self) -> list[float]:
        """All the hits' latencies."""
        return [latency for stream in self.scored for latency in stream.latencies_ms()]

    def by_word(self) -> tuple[WordMisses, ...]:
        """Every word that may fire."""
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
    """Which clip each of them is of; one that nobody knows is one of its own."""
    words = [outcome.word for outcome in outcomes]
    return [(word.word, word.clip) if word.clip else index for index, word in enumerate(words)]


def operate(
    replayers: Sequence[Replayer], trigger: TriggerSettings, *, shift: float = 0.0, budget: float | None = None
) -> OperatingPoint:
    """All streams at the trigger's thresholds, moved by `shift` in log-odds."""
    settings = replace(trigger, thresholds=shifted(trigger.thresholds, shift) if shift else trigger.thresholds)
    return OperatingPoint(
        budget=budget,
        shift=shift,
        thresholds=settings.thresholds,
        hours=sum(replayer.recorded.hours for replayer in replayers),
        scored=tuple(replayer.scored(settings) for replayer in replayers),
    )

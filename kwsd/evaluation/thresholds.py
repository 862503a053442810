"""Chooses thresholds for each word, on scored streams, that together keep to a number of false alarms an hour."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.evaluation.log_odds import from_log_odds, log_odds
from kwsd.evaluation.operating import OperatingPoint, operate
from kwsd.evaluation.replayer import Replayer
from kwsd.evaluation.scored_stream import ScoredStream
from kwsd.evaluation.scoring import Matched
from kwsd.spotting.trigger import TriggerSettings

Counts = NDArray[np.int64]
"""(thresholds, 2): the hits and alarms of one word alone, from the highest threshold down."""

_STEP = 0.25
_CEILING = 16.5
_FLOOR = 0.0
"""The lowest threshold that is chosen, in log-odds: 0.5."""
_AMPLE = 4
"""The search of one word ends where it alone gives more than this many times the alarms that are allowed in all."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Thresholds, and their joint results on the streams that they were chosen on."""

    budget: float
    operating: OperatingPoint

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"kind": "thresholds", "budget_per_hour": self.budget} | self.operating.to_dict()


def choose_thresholds(
    recorded: Sequence[ScoredStream],
    words: Sequence[str],
    *,
    trigger: TriggerSettings,
    gated: bool = True,
    budget: float = 0.5,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Choice:
    """Choose thresholds greedily, from a grid of 0.25 in log-odds and at least 0.5, for the most hits.

    Every word starts at its best threshold without a false alarm. While the budget (alarms an hour, over all words and
    streams) lasts, the word with the most additional hits per alarm is lowered; of equal thresholds, the higher is
    taken. This treats each word alone, so at the end all are replayed together, and raised together until the budget
    is kept. `trigger` and `gated` give all other settings of the replay.

    A word that is not spoken here, or is heard at no threshold, keeps the threshold of `trigger`, or gets the next
    higher one without an alarm. A word that exceeds the budget at every threshold that hears it gets infinity: it never
    fires.

    A late detection (see `Matched.late`) is an alarm to `score_events`, but not here: otherwise one late answer could
    silence a word that has no other alarm.

    The figures on these streams are optimistic: a threshold just above the highest-scoring alarm gives none here, and
    some elsewhere. Chosen for half an alarm an hour on 2.8 hours of some speakers, the thresholds gave seven on others'
    talk, and missed as many words as a common threshold at three. The choice needs hours of talk: in less than
    1 / `budget` hours, the budget is less than one alarm.
    """
    grid = np.concatenate([[math.inf], np.arange(_CEILING, _FLOOR - _STEP, -_STEP)])
    allowed = math.floor(budget * sum(each.hours for each in recorded) + 1e-9)

    def replayers(firing: Sequence[str]) -> list[Replayer]:
        return [Replayer(each, firing, gated=gated, trigger=trigger, listened=words) for each in recorded]

    tables: dict[str, Counts] = {}
    for done, word in enumerate(words, start=1):
        tables[word] = _table(replayers([word]), word, grid, _AMPLE * allowed)
        progress(done, len(words))
    heard = [word for word in words if tables[word][:, 0].any()]
    places = spend([tables[word] for word in heard], allowed)
    chosen = {word: float(grid[place]) for word, place in zip(heard, places, strict=True)}
    given = {word: log_odds(trigger.thresholds[word]) for word in words if word not in heard}
    chosen |= {word: _quiet(tables[word], grid, place) for word, place in given.items()}
    operating = _raised(replayers(words), {word: chosen[word] for word in words}, budget, allowed)
    return Choice(budget, operating)


def _quiet(table: Counts, grid: NDArray[np.float64], given: float) -> float:
    """The `given` log-odds if the word has no alarm there, otherwise the next higher place of the `grid` without one.

    What counts is the nearest place at or below the given one."""
    places = grid[: len(table)]
    below = np.flatnonzero(places <= given)
    nearest = below[0] if len(below) else len(grid) - 1  # below the whole grid, its lowest place counts
    if nearest < len(table) and not table[nearest, 1]:
        return given
    return float(places[(places >= given) & (table[:, 1] == 0)].min())


def _raised(replayers: Sequence[Replayer], chosen: Mapping[str, float], budget: float, allowed: int) -> OperatingPoint:
    """The joint results of the chosen log-odds, raised together until there are at most `allowed` alarms."""
    raised = 0.0
    while True:
        thresholds = {word: from_log_odds(place + raised) for word, place in chosen.items()}
        found = _false_alarms([each.scored(thresholds) for each in replayers])
        if found <= allowed or raised > 2 * _CEILING:
            return operate(replayers, thresholds, budget=budget)
        raised += _STEP


def _false_alarms(scored: Iterable[Matched]) -> int:
    """The number of alarms, without those that are the right word heard late."""
    return sum(len(each.alarms) - each.late for each in scored)


def spend(tables: Sequence[Counts], allowed: int) -> list[int]:
    """The row to use of each word's table, with at most `allowed` alarms in all.

    A table (thresholds, 2) has the columns hits and alarms, from the highest threshold down, so alarms (nearly) rise.
    """
    places = [_silent(table) for table in tables]
    left = allowed
    while True:
        offers = []
        for word, (table, place) in enumerate(zip(tables, places, strict=True)):
            hits, alarms = table[place]
            for further in range(len(table)):
                gain, cost = int(table[further, 0] - hits), int(table[further, 1] - alarms)
                if gain > 0 and cost <= left:
                    offers.append((gain / cost if cost > 0 else math.inf, -cost, -further, word))
        if not offers:
            return places
        _, cost, further, word = max(offers)
        places[word], left = -further, left + cost


def _silent(table: Counts) -> int:
    """The row with the most hits among those without an alarm, the first if several have as many."""
    quiet = np.flatnonzero(table[:, 1] == 0)  # never empty: at infinity nothing fires
    return int(quiet[table[quiet, 0].argmax()])


def _table(replayers: Sequence[Replayer], word: str, grid: NDArray[np.float64], most: int) -> Counts:
    """Hits and alarms of one word alone at each threshold of the grid, down to the first of more than `most` alarms."""
    rows: list[tuple[int, int]] = []
    for place in grid:
        found = [each.scored({word: from_log_odds(float(place))}) for each in replayers]
        rows.append((sum(len(each.outcomes) - each.misses for each in found), _false_alarms(found)))
        if rows[-1][1] > most:
            break
    return np.array(rows, np.int64)

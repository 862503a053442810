"""Thresholds per word that keep to a number of false alarms an hour in all, chosen on streams that were scored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.evaluation.operating import OperatingPoint, operate
from kwsd.evaluation.replayer import Replayer, from_log_odds, log_odds
from kwsd.evaluation.scored_stream import ScoredStream
from kwsd.evaluation.scoring import Matched
from kwsd.spotting.trigger import TriggerSettings

Counts = NDArray[np.int64]
"""(thresholds, 2): hits and alarms of a word alone, from the highest threshold down."""

_STEP = 0.25
_CEILING = 16.5
_AMPLE = 4
"""A word alone never gets more than this many times the whole budget: there its search ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Thresholds, and what they give together on the very streams that they were chosen on."""

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
    budget: float = 0.5,
    lowest: float = 0.5,
    progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """The thresholds (of those on a grid of 0.25 in log-odds, `lowest` at least) that hear the most.

    Greedy: every word begins where it gives no false alarm. Then, as long as the budget (alarms an hour, in all words
    and streams together) lasts, the word goes down that gains the most hits an alarm. Where two thresholds of a word
    give the same, the higher is taken. Words do not know of each other in this; so at the end all are replayed
    together, and raised together until the budget is kept. Of the trigger all but its thresholds counts for these.

    A word that is not spoken here, or heard at no threshold, cannot be weighed: it keeps the threshold of the trigger,
    or gets the next higher one where it gives no alarm. One that gives too many at any threshold that hears it gets
    infinity: it never fires.

    A word that is heard late (see `Matched.late`) is an alarm to `score_events`, but none here: else a single late
    answer would make a word deaf that nothing else sets off.

    What is counted on these streams flatters: a threshold just above the loudest alarm gives none here, and some
    elsewhere. Chosen for half an alarm an hour on 2.8 hours of some speakers, they gave seven on others' talk, and
    missed as many words as one threshold for all at three. Without some hours of talk the choice is loose: less than
    one alarm is not to be measured in less than 1 / `budget` hours.
    """
    grid = np.concatenate([[math.inf], np.arange(_CEILING, log_odds(lowest) - _STEP / 2, -_STEP)])
    allowed = math.floor(budget * sum(each.hours for each in recorded) + 1e-9)

    def replayers(firing: Sequence[str]) -> list[Replayer]:
        return [Replayer(each, firing, gated=True, trigger=trigger, listened=words) for each in recorded]

    tables: dict[str, Counts] = {}
    for done, word in enumerate(words, start=1):
        tables[word] = _table(replayers([word]), word, grid, trigger, _AMPLE * allowed)
        if progress:
            progress(done, len(words))
    heard = [word for word in words if tables[word][:, 0].any()]
    places = spend([tables[word] for word in heard], allowed)
    chosen = {word: float(grid[place]) for word, place in zip(heard, places, strict=True)}
    given = {word: log_odds(trigger.thresholds[word]) for word in words if word not in heard}
    chosen |= {word: _quiet(tables[word], grid, place) for word, place in given.items()}
    operating = _raised(replayers(words), {word: chosen[word] for word in words}, trigger, budget, allowed)
    return Choice(budget, operating)


def _quiet(table: Counts, grid: NDArray[np.float64], given: float) -> float:
    """The `given` log-odds or, where the word gives alarms from the next lower place of the `grid` on, the next higher
    one where it gives none."""
    places = grid[: len(table)]
    below = np.flatnonzero(places <= given)
    nearest = below[0] if len(below) else len(grid) - 1  # below the lowest place it is judged by that
    if nearest < len(table) and not table[nearest, 1]:
        return given
    return float(places[(places >= given) & (table[:, 1] == 0)].min())


def _raised(
    replayers: Sequence[Replayer], chosen: Mapping[str, float], trigger: TriggerSettings, budget: float, allowed: int
) -> OperatingPoint:
    """What the chosen log-odds give together, raised together until there are no more alarms than are allowed."""
    raised = 0.0
    while True:
        thresholds = {word: from_log_odds(place + raised) for word, place in chosen.items()}
        settings = replace(trigger, thresholds=thresholds)
        found = _false_alarms([each.scored(settings) for each in replayers])
        if found <= allowed or raised > 2 * _CEILING:
            return operate(replayers, settings, budget=budget)
        raised += _STEP


def _false_alarms(scored: Iterable[Matched]) -> int:
    """How many of the alarms are not the right word, heard late."""
    return sum(len(each.alarms) - each.late for each in scored)


def spend(tables: Sequence[Counts], allowed: int) -> list[int]:
    """For each word the row of its table (thresholds, 2) to use; the columns are hits and alarms, both from the
    highest threshold down, so that alarms (nearly) rise. The sum of alarms is at most `allowed`."""
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
    """The row with the most hits among those without an alarm, the first of equal ones."""
    quiet = np.flatnonzero(table[:, 1] == 0)  # never empty: at infinity nothing fires
    return int(quiet[table[quiet, 0].argmax()])


def _table(
    replayers: Sequence[Replayer], word: str, grid: NDArray[np.float64], trigger: TriggerSettings, most: int
) -> Counts:
    """Hits and alarms of one word alone at the thresholds of the grid, down to where it alarms more than `most`."""
    rows: list[tuple[int, int]] = []
    for place in grid:
        found = [each.scored(replace(trigger, thresholds={word: from_log_odds(float(place))})) for each in replayers]
        rows.append((sum(len(each.outcomes) - each.misses for each in found), _false_alarms(found)))
        if rows[-1][1] > most:
            break
    return np.array(rows, np.int64)

"""Thresholds per word that keep to a number of false alarms an hour in all, chosen on streams that were scored.

What is counted on those streams flatters: a threshold just above the loudest alarm gives none there, and some
elsewhere. So it is not the alarms heard that are budgeted but those to be expected, from how the loudest fall off.

Reference:
    Pickands 1975, "Statistical Inference Using Extreme Order Statistics" (peaks over a threshold; exponential here).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.evaluation.det import Operating, operate
from kwsd.evaluation.replay import Recorded
from kwsd.evaluation.sweep import Replayer, from_log_odds, log_odds
from kwsd.spotting.trigger import TriggerSettings

_STEP = 0.25
_CEILING = 16.5
_AMPLE = 4
"""A word alone never gets more than this many times the whole budget: there its search ends."""
TAIL = 4
"""So many of a word's loudest alarms tell how many there are still louder elsewhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Thresholds, the false alarms an hour to be expected of them elsewhere, and what they give on the very streams
    that they were chosen on."""

    budget: float
    expected_per_hour: float
    operating: Operating

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"expected_alarms_per_hour": self.expected_per_hour} | self.operating.to_dict()


def choose_thresholds(
    recorded: Sequence[Recorded],
    words: Sequence[str],
    *,
    trigger: TriggerSettings,
    budget: float = 0.5,
    gated: bool = True,
    lowest: float = 0.5,
    progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """The thresholds (of those on a grid of 0.25 in log-odds, `lowest` at least) that hear the most.

    Greedy: no word fires at first. Then, as long as the budget (alarms an hour, in all words and streams together)
    lasts, the word goes down that gains the most hits an alarm; what counts as alarms is `expected`, with a budget of 0
    those that were heard. Where two thresholds of a word give the same, the higher is taken. Words do not know of each
    other in this; so at the end all are replayed together, and raised together until the alarms that were heard keep to
    the budget. Only the trigger's smoothing and refractory time count.

    A word that is never spoken here cannot be weighed: it gets the median of the others, or the next higher threshold
    where it gives no alarm. One that gives too many at any threshold gets infinity: it never fires.

    Streams without words (negatives) belong among `recorded`; without some hours of them the choice is loose: less
    than one alarm is not to be measured in less than 1 / `budget` hours.
    """
    grid = np.concatenate([[math.inf], np.arange(_CEILING, log_odds(lowest) - _STEP / 2, -_STEP)])
    hours = sum(each.hours for each in recorded)
    allowed = math.floor(budget * hours + 1e-9)
    tables = []
    for done, word in enumerate(words, start=1):
        alone = [Replayer(each, (word,), gated=gated, smoothing=trigger.smoothing) for each in recorded]
        tables.append(_table(alone, word, grid, trigger, max(TAIL, _AMPLE * allowed)))
        if progress:
            progress(done, len(words))
    spoken = {word.word for each in recorded for word in each.words}
    known = [(word, table) for word, table in zip(words, tables, strict=True) if word in spoken]
    priced = [_priced(table, grid, counted=budget == 0) for _, table in known]
    places = spend(priced, budget * hours)
    price = sum(float(table[place, 1]) for table, place in zip(priced, places, strict=True))
    chosen = {word: float(grid[place]) for (word, _), place in zip(known, places, strict=True)}
    usual = float(np.median([place for place in chosen.values() if math.isfinite(place)] or [_CEILING]))
    for word, table in zip(words, tables, strict=True):
        if word not in spoken:
            quiet = grid[: len(table)][table[:, 1] == 0]
            chosen[word] = float(quiet[quiet >= usual].min())
    replayers = [Replayer(each, tuple(words), gated=gated, smoothing=trigger.smoothing) for each in recorded]
    together = _raised(replayers, {word: chosen[word] for word in words}, trigger, budget, allowed)
    return Choice(budget, price / hours, together)


def _raised(
    replayers: Sequence[Replayer], chosen: Mapping[str, float], trigger: TriggerSettings, budget: float, allowed: int
) -> Operating:
    """All words together, at log-odds that are raised together until no more than `allowed` alarms are heard."""
    raised = 0.0
    while True:
        thresholds = {word: from_log_odds(place + raised) for word, place in chosen.items()}
        found = operate(replayers, replace(trigger, thresholds=thresholds), budget=budget)
        if len(found.alarms) <= allowed or raised > 2 * _CEILING:
            return found
        raised += _STEP


Counts = NDArray[np.int64]
Prices = NDArray[np.float64]


def expected(alarms: Counts, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The alarms to be expected at the first thresholds of `grid` (log-odds, falling), where so many were counted.

    From the threshold that the `TAIL` loudest pass, or all where there are fewer, they fall off exponentially, by the
    mean of how far those few lie above it. Never fewer than were counted.
    """
    total = int(alarms[-1])
    if not total:
        return np.zeros(len(alarms))
    first = int(np.argmax(alarms >= min(TAIL, total)))
    above = np.maximum(grid[1 : first + 1], grid[first]) - grid[first]  # of the alarms that each of these rows adds
    excess = float((np.diff(alarms[: first + 1]) * (above + _STEP / 2)).sum()) / int(alarms[first])
    found = alarms.astype(np.float64)
    tail = alarms[first] * np.exp(-(grid[: first + 1] - grid[first]) / max(excess, _STEP))
    found[: first + 1] = np.maximum(found[: first + 1], tail)
    return found


def _priced(table: Counts, grid: NDArray[np.float64], *, counted: bool) -> Prices:
    """Hits and alarms (thresholds, 2); the alarms are those counted, or those expected."""
    alarms = table[:, 1].astype(np.float64) if counted else expected(table[:, 1], grid)
    found: Prices = np.stack([table[:, 0].astype(np.float64), alarms], axis=1)
    return found


def spend(tables: Sequence[Prices], allowed: float) -> list[int]:
    """For each word the row of its table (thresholds, 2) to use; the columns are hits and alarms, both from the
    highest threshold down, so that alarms (nearly) rise. The sum of alarms is at most `allowed`."""
    places = [0] * len(tables)
    left = allowed
    while True:
        offers = []
        for word, (table, place) in enumerate(zip(tables, places, strict=True)):
            hits, alarms = table[place]
            for further in range(len(table)):
                gain, cost = float(table[further, 0] - hits), float(table[further, 1] - alarms)
                if gain > 0 and cost <= left + 1e-9:
                    offers.append((gain / cost if cost > 0 else math.inf, -cost, -further, word))
        if not offers:
            return places
        _, cost, further, word = max(offers)
        places[word], left = -further, left + cost


def _table(
    replayers: Sequence[Replayer], word: str, grid: NDArray[np.float64], trigger: TriggerSettings, most: int
) -> Counts:
    """Hits and alarms of one word alone at the thresholds of the grid, down to where it alarms more than `most`."""
    rows: list[tuple[int, int]] = []
    for place in grid:
        found = operate(replayers, replace(trigger, thresholds={word: from_log_odds(float(place))}))
        rows.append((len(found.outcomes) - found.misses, len(found.alarms)))
        if rows[-1][1] > most:
            break
    return np.array(rows, np.int64)

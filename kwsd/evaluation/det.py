"""The detection error trade-off of recorded streams, and operating points on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kwsd.evaluation.log_odds import log_odds
from kwsd.evaluation.operating import OperatingPoint, operate
from kwsd.evaluation.replayer import Replayer
from kwsd.evaluation.statistics import DetCurve
from kwsd.spotting.trigger import TriggerSettings

BUDGETS = (0.1, 0.5, 1.0)
"""False alarms an hour at which a miss rate is reported."""

_STEP = 0.5
_LOWEST = -2.0
_MOST_ALARMS = 200.0
_HALVINGS = 7

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A curve over shifts in log-odds (its `thresholds`), and the operating points for `BUDGETS`."""

    curve: DetCurve
    points: tuple[OperatingPoint, ...]


def sweep(replayers: Sequence[Replayer], trigger: TriggerSettings, *, progress: Progress = lambda *_: None) -> Sweep:
    """Replay at shifts of the trigger's thresholds, from one at which nothing fires down to 200 alarms an hour.

    The shifts lie 0.5 log-odds apart; where the alarms cross one of `BUDGETS`, the step is bisected seven times. Each
    of `points` has the fewest misses among the replayed shifts that keep to its budget.
    """
    seen: dict[float, tuple[float, float]] = {}

    def look(shift: float) -> float:
        if shift not in seen:
            found = operate(replayers, trigger.thresholds, shift=shift)
            seen[shift] = (found.miss_rate, found.alarms_per_hour)
        return seen[shift][1]

    shifts = _shifts(replayers, trigger)
    steps = len(shifts) + _HALVINGS * len(BUDGETS)
    for done, shift in enumerate(shifts, start=1):
        progress(done, steps)
        if look(shift) > _MOST_ALARMS:
            break
    for place, budget in enumerate(BUDGETS):
        _close_in(look, sorted(seen, reverse=True), budget)
        progress(len(shifts) + _HALVINGS * (place + 1), steps)
    order = sorted(seen, reverse=True)
    misses, alarms = (np.array([seen[shift][column] for shift in order]) for column in (0, 1))
    curve = DetCurve(np.array(order), misses, alarms)
    points = []
    for budget in BUDGETS:
        index = curve.index_at(budget)  # never None: nothing fires at the first shift
        points.append(operate(replayers, trigger.thresholds, shift=order[index or 0], budget=budget))
    return Sweep(curve, tuple(points))


def _shifts(replayers: Sequence[Replayer], trigger: TriggerSettings) -> list[float]:
    """Falling shifts, multiples of the step; at the first one, none of the words can fire."""
    given = np.array([log_odds(threshold) for threshold in trigger.thresholds.values()])
    can_fire = np.array([threshold <= 1 for threshold in trigger.thresholds.values()])
    if not can_fire.any():
        return [0.0]
    peaks = np.array([[log_odds(peak) for peak in replayer.peaks()] for replayer in replayers])
    top = float((peaks - given)[:, can_fire].max(initial=0.0)) + trigger.second_chance
    first = math.floor(top / _STEP) + 1
    last = min(0, math.floor((_LOWEST - float(np.median(given[can_fire]))) / _STEP))
    return [step * _STEP for step in range(first, last - 1, -1)]


def _close_in(look: Callable[[float], float], shifts: Sequence[float], budget: float) -> None:
    """Bisect between the highest shift beyond the budget and the next higher one, which is within it."""
    within = [shift for shift in shifts if look(shift) <= budget]
    beyond = [shift for shift in shifts if look(shift) > budget]
    if not within or not beyond:
        return
    low = max(beyond)
    high = min(shift for shift in within if shift > low) if max(within) > low else low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if look(middle) > budget else (low, middle)

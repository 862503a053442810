"""Which windows need no score: half of those in which nothing sounds like a word.

A word fires at the mean of n windows' scores. Scores are at most one, so a window that scores less than
`n * threshold - (n - 1)` keeps every mean that it is part of under the threshold. Where a mean fires, all of its
windows are therefore candidates, which score as much or more, and each has a neighbour that is one. So it is enough to
score every second window, and those between as soon as a neighbour turns out to be a candidate: the detections are the
very same, at the same samples and with the same scores, for half of the cost.

That bound has to be above zero, which is what a window counts as that the gate keeps back (`Trigger.spares`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.windows import Window

Row = NDArray[np.float32]
Score = Callable[[Sequence[Window]], NDArray[np.float32]]


@dataclass(slots=True)
class Memory:
    """Of one stream: its last window if that was not scored, and whether its last score was a candidate."""

    held: Window | None = None
    candidate: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A window, its stream's memory, whether the gate wants it scored, and what tells a candidate's scores."""

    window: Window
    memory: Memory
    wanted: bool
    is_candidate: Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores for each window, None where none are needed; and those of the window held back before, by stream."""

    rows: list[Row | None]
    belated: dict[str, Row] = field(default_factory=dict)


def score_what_counts(heard: Sequence[Heard], score: Score) -> Scored:
    """Score every second window of each stream, then those beside a candidate. `heard` is in order, any streams."""
    found = Scored([None] * len(heard))
    streams: dict[str, list[int]] = {}
    for index, one in enumerate(heard):
        streams.setdefault(one.window.stream, []).append(index)
    skipped = {index for places in streams.values() for index in _every_second(heard, places)}
    first = [index for index, one in enumerate(heard) if one.wanted and index not in skipped]
    candidates = set()
    for index, row in zip(first, score([heard[index].window for index in first]), strict=True):
        found.rows[index] = row
        if heard[index].is_candidate(row):
            candidates.add(index)
    second: list[int] = []
    held: list[Window] = []
    for places in streams.values():
        memory, near = heard[places[0]].memory, [heard[places[0]].memory.candidate]
        near += [index in candidates for index in places] + [False]
        second += [at for place, at in enumerate(places) if at in skipped and (near[place] or near[place + 2])]
        if memory.held is not None and near[1]:
            held.append(memory.held)
    late = iter(score([*(heard[index].window for index in second), *held]))
    for index in second:
        found.rows[index] = next(late)
    for window in held:
        found.belated[window.stream] = next(late)
    for places in streams.values():
        _remember(heard[places[-1]], found.rows[places[-1]])
    return found


def _every_second(heard: Sequence[Heard], places: Sequence[int]) -> list[int]:
    """Of one stream's windows those to be skipped, if it can be: never two in a row, none after a candidate."""
    memory = heard[places[0]].memory
    before, skipped = memory.held is not None or memory.candidate, []
    for index in places:
        before = heard[index].wanted and not before
        if before:
            skipped.append(index)
    return skipped


def _remember(last: Heard, row: Row | None) -> None:
    last.memory.held = last.window if last.wanted and row is None else None
    last.memory.candidate = row is not None and last.is_candidate(row)

"""Scores only some windows, as most of those in which nothing sounds like a word need no score.

Windows overlap, and a word is heard in half a dozen of them. So windows on a coarse grid are scored first. Others are
scored only beside a candidate, a scored window that may belong to a word: the window after it, and so on from there,
and, if the candidate is on the grid, the one before it.

A grid of every second window loses no detection. A word fires by the mean of n windows' scores, each at most one, so a
window that scores less than `n * threshold - (n - 1)` keeps every mean that it is part of below the threshold. Where a
mean fires, all of its windows therefore reach that bound, and one of any two neighbours is on the grid: the detections
are the same, at the same samples and with the same scores. This needs a bound above zero, as windows that were not
scored count as zero (`Trigger.spares`).

A window that resembles a word is a candidate from lower scores on (`Trigger.bounds`): it may come close to firing, of
which people are told, and on a coarser grid it may hold only a part of the word. A coarser grid loses a word that
sounds like one in fewer windows than lie between two of the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.windowing.window import Window

Row = NDArray[np.float32]
Score = Callable[[Sequence[Window]], NDArray[np.float32]]

FINEST = 2
"""The stride of the finest grid that spares any windows: every second one is scored."""


def stride_of(coarse: int, hop: int) -> int:
    """The number of hops, of `hop` samples each, from one window of a grid of `coarse` samples to the next."""
    return max(FINEST, coarse // hop)


@dataclass(slots=True)
class GridState:
    """The state of one stream between batches.

    grid: the end of its last window on the grid; None if the gate has been closed since. held: its last window, if that
    was wanted but not scored. candidate: whether its last window was a candidate. span: the next windows to be scored
    end at multiples of so many samples, as far as is known; 1 where any window may be one.
    """

    grid: int | None = None
    held: Window | None = None
    candidate: bool = False
    span: int = 1


@dataclass(frozen=True, slots=True)
class PendingWindow:
    """A window that may need a score, and the `state` of its stream.

    `wanted` says whether the gate lets it through. One in `stride` windows lies on the grid; `is_candidate` says
    whether scores (labels,) make a window a candidate.
    """

    window: Window
    state: GridState
    wanted: bool
    stride: int
    is_candidate: Callable[[Row], bool]

    @property
    def span(self) -> int:
        """Samples from one window on the grid to the next."""
        return self.stride * self.window.hop


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores (labels,) of each window, None for those not needed; `belated` has those of each stream's held window."""

    rows: list[Row | None]
    belated: dict[str, Row] = field(default_factory=dict)


def score_what_counts(pending: Sequence[PendingWindow], score: Score) -> Scored:
    """Score the windows on the grid, then those beside candidates; `pending` may mix streams, each in order."""
    found = Scored([None] * len(pending))
    streams: dict[str, list[int]] = {}
    for index, one in enumerate(pending):
        streams.setdefault(one.window.stream, []).append(index)
    after = {index: later for places in streams.values() for index, later in pairwise(places)}
    before = {later: index for index, later in after.items()}
    grid = {index for places in streams.values() for index in _on_grid(pending, places)}
    firsts = {places[0] for places in streams.values()}
    due = grid | {index for index in firsts if pending[index].wanted and pending[index].state.candidate}
    held: list[Window] = []
    while due:
        asked = sorted(due)
        for index, row in zip(asked, score([pending[index].window for index in asked]), strict=True):
            found.rows[index] = row
        due = set()
        for index in filter(lambda index: _is_candidate(pending[index], found.rows[index]), asked):
            beside = [after.get(index), before.get(index) if index in grid else None]
            due |= {near for near in beside if near is not None and pending[near].wanted and found.rows[near] is None}
            waiting = pending[index].state.held
            if index in grid & firsts and waiting is not None:
                held.append(waiting)
    for window, row in zip(held, score(held), strict=True):
        found.belated[window.stream] = row
    for places in streams.values():
        _remember(pending[places[-1]], found.rows[places[-1]])
    return found


def _on_grid(pending: Sequence[PendingWindow], places: Sequence[int]) -> Iterator[int]:
    """The indices of one stream's windows on the grid.

    These are the second window after the gate opened, and those at multiples of the span, so that the worker knows
    when to wake for them. After a change of the hop, too, they lie at most a span apart.
    """
    state = pending[places[0]].state
    for index in places:
        one = pending[index]
        if not one.wanted:
            state.grid = None
            continue
        end = one.window.end
        if state.grid is None:
            state.grid = end - one.span + (FINEST - 1) * one.window.hop
        if end % one.span == 0 or end - state.grid > one.span - one.window.hop:
            state.grid = end
            yield index


def _is_candidate(one: PendingWindow, row: Row | None) -> bool:
    return row is not None and one.is_candidate(row)


def _remember(last: PendingWindow, row: Row | None) -> None:
    state = last.state
    state.held = last.window if last.wanted and row is None else None
    state.candidate = _is_candidate(last, row)
    settled = state.grid is not None and state.grid % last.span == 0 and not state.candidate
    state.span = last.span if settled else 1

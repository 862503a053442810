"""Gaps, whose samples never arrived, and how many lost samples each window reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples `start` to `stop` (exclusive) never arrived; they read as zeros."""

    start: int
    stop: int


def is_missing(start: int, stop: int, gaps: Sequence[Gap]) -> bool:
    """Whether none of the samples `start` to `stop` (exclusive) arrived."""
    return any(gap.start <= start and stop <= gap.stop for gap in gaps)


def lost_before(heard: int, end: int, start: int, gaps: Sequence[Gap]) -> int:
    """Samples lost between the window that ended at `heard` and the next one, from `start` to `end`.

    A gap counts as a whole in the first window that ends after it. Samples between the two windows were lapped, and
    count as lost, too.
    """
    over = [gap for gap in gaps if heard < gap.stop <= end]
    return max(0, start - heard) + sum(_untold(gap, gap.stop, heard, start) for gap in over)


def begun_before(heard: int, end: int, start: int, gaps: Sequence[Gap]) -> int:
    """Samples before `end` of a gap that goes on beyond it, for the windows of `lost_before`."""
    return sum(_untold(gap, end, heard, start) for gap in gaps if gap.start < end < gap.stop)


def _untold(gap: Gap, stop: int, heard: int, start: int) -> int:
    """Samples of the gap before `stop`, without those between `heard` and `start`, which count as lapped already."""
    return stop - gap.start - max(0, min(stop, start) - max(gap.start, heard))

"""What never arrived: gaps between a stream's samples, and how much of them each window is to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples `start` to `stop` (exclusive) never arrived; they read as zeros."""

    start: int
    stop: int


def is_missing(start: int, stop: int, gaps: Sequence[Gap]) -> bool:
    """Whether not one of the samples `start` to `stop` arrived."""
    return any(gap.start <= start and stop <= gap.stop for gap in gaps)


def lost_before(heard: int, end: int, start: int, gaps: Sequence[Gap]) -> int:
    """Samples lost since the window that ended at `heard`, for one from `start` to `end`.

    A gap counts as a whole in the first window that ends after it. What lies between the two windows was lapped.
    """
    over = [gap for gap in gaps if heard < gap.stop <= end]
    return max(0, start - heard) + sum(_untold(gap, gap.stop, heard, start) for gap in over)


def begun_before(heard: int, end: int, start: int, gaps: Sequence[Gap]) -> int:
    """Samples before `end` of the gap that ends after it, for the same windows."""
    return sum(_untold(gap, end, heard, start) for gap in gaps if gap.start < end < gap.stop)


def _untold(gap: Gap, stop: int, heard: int, start: int) -> int:
    """Samples of the gap before `stop` that do not count as lapped, between `heard` and `start`, anyhow."""
    return stop - gap.start - max(0, min(stop, start) - max(gap.start, heard))

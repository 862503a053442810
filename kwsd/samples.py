"""Samples, and the time that they last: every stream inside kwsd is counted in samples at 16 kHz."""

from __future__ import annotations

RATE = 16_000
"""Samples a second."""


def seconds(samples: int) -> float:
    """How long they last, rounded to a tenth of a millisecond."""
    return round(samples / RATE, 4)


def milliseconds(samples: int) -> int:
    """How long they last, rounded down."""
    return 1000 * samples // RATE


def samples_in(ms: int) -> int:
    """How many there are in so many milliseconds."""
    return ms * RATE // 1000

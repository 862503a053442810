"""Conversion of samples to time and back: every stream inside kwsd is counted in samples at 16 kHz."""

from __future__ import annotations

RATE = 16_000
"""Samples a second."""


def seconds(samples: int) -> float:
    """The duration in seconds, rounded to a tenth of a millisecond."""
    return round(samples / RATE, 4)


def milliseconds(samples: int) -> int:
    """The duration in milliseconds, rounded down."""
    return 1000 * samples // RATE


def samples_in(ms: int) -> int:
    """The number of samples in `ms` milliseconds."""
    return ms * RATE // 1000

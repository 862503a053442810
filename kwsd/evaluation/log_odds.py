"""Scores as log-odds, in which thresholds are moved and laid on a grid, because scores crowd near 1."""

from __future__ import annotations

import math
from collections.abc import Mapping

_CEILING = 17.0
"""Log-odds that no float32 score below 1 reaches, though a mean of several scores may."""


def log_odds(score: float) -> float:
    """The logit of a score, clipped to +/-17, beyond which float32 cannot tell a score from 1."""
    if score <= 0 or score >= 1:
        return math.copysign(_CEILING, score - 0.5)
    return max(-_CEILING, min(_CEILING, math.log(score) - math.log1p(-score)))


def from_log_odds(value: float) -> float:
    """The score with these log-odds; beyond 17, where float32 cannot tell it from 1, infinity: no score reaches it."""
    return 1 / (1 + math.exp(-value)) if value <= _CEILING else math.inf


def shifted(thresholds: Mapping[str, float], shift: float) -> dict[str, float]:
    """Every threshold moved by `shift` in log-odds; one above 1, which no score reaches, stays as it is."""
    return {
        word: from_log_odds(log_odds(threshold) + shift) if threshold <= 1 else threshold
        for word, threshold in thresholds.items()
    }

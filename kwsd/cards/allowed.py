"""Which values a model's card or an exported file may hold: its name, and how its scores become a detection."""

from __future__ import annotations

from kwsd.config.sections import LOWEST, MOST_SMOOTHING

_LONGEST_NAME = 100
MOST_CHANCE, MOST_LATEST_MS = 10, 60_000
A_NAME = f"1 to {_LONGEST_NAME} printable characters, not only spaces"
"""The form of a model's name, for error messages."""


def is_name(value: object) -> bool:
    """Whether it is a valid name of a model: names go to terminals, events and metrics."""
    return isinstance(value, str) and value.isprintable() and len(value.strip()) > 0 and len(value) <= _LONGEST_NAME


def is_smoothing(value: object) -> bool:
    """Whether it is a valid number of windows to average scores over."""
    return type(value) is int and 1 <= value <= MOST_SMOOTHING


def is_threshold(value: object) -> bool:
    """Whether it is a valid threshold: a word can reach it, and fall below it to fire again."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and LOWEST <= value <= 1


def is_share(value: object) -> bool:
    """Whether it is a number from 0 to 1."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def is_cost(value: object) -> bool:
    """Whether it is a valid cost of a substitution, relative to that of an insertion."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1


def is_chance(value: object) -> bool:
    """Whether it may be by how much, in log-odds, a threshold is lowered for a word that is said again."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_CHANCE


def is_latest(value: object) -> bool:
    """Whether it is a valid number of milliseconds within which a word must fire; None is no limit."""
    return value is None or (type(value) is int and 0 < value <= MOST_LATEST_MS)

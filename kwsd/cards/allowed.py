"""What may come with a model, in its card or in an exported file: its name, and how its scores make a word."""

from __future__ import annotations

from kwsd.config.sections import LOWEST, MOST_SMOOTHING

_LONGEST_NAME = 100
A_NAME = f"1 to {_LONGEST_NAME} characters, not all blank and none of them control"
"""What a model's name has to be."""


def is_name(value: object) -> bool:
    """Whether a model can be called so: names go to terminals, events and metrics."""
    return isinstance(value, str) and value.isprintable() and len(value.strip()) > 0 and len(value) <= _LONGEST_NAME


def is_smoothing(value: object) -> bool:
    """Whether it can be over how many windows a mean is taken."""
    return type(value) is int and 1 <= value <= MOST_SMOOTHING


def is_threshold(value: object) -> bool:
    """Whether it is a number that a word can fire at, again and again."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and LOWEST <= value <= 1


def is_share(value: object) -> bool:
    """Whether it is a number from 0 to 1."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def is_cost(value: object) -> bool:
    """Whether it can be what a substitution costs, as a part of what an insertion does."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1


def is_latest(value: object) -> bool:
    """Whether it can be how many milliseconds a word has to fire; None for any number of them."""
    return value is None or (type(value) is int and 0 < value <= 60_000)

"""Declares an option as a field of a section's dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, field
from typing import Any


def option(
    default: Any = MISSING,
    *,
    help: str,
    flag: str = "",
    factory: Callable[[], Any] | Any = MISSING,
    low: float | None = None,
    high: float | None = None,
    step: int | None = None,
    choices: tuple[str, ...] = (),
    example: Any = None,
    valid: Callable[[str], bool] | None = None,
    form: str = "",
) -> Any:
    """A dataclass field with an option's default, help, flag ("" for none) and allowed values.

    The `example` shows the form of an option whose default is empty or unset. A text, or each text in a list, must be
    `valid`, if that is given; `form` describes valid ones in words.
    """
    metadata = {
        "help": help, "flag": flag, "low": low, "high": high, "step": step, "choices": choices, "example": example,
        "valid": valid, "form": form,
    }  # fmt: skip
    return field(default=default, default_factory=factory, metadata=metadata)

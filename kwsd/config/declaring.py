"""How an option is declared: what its field in a section's dataclass says of it."""

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
    """A dataclass field that knows its help, its flag ("" for none), which values are allowed, and one to begin with.

    The `example` is for options whose default is empty or unset, so that it shows no form to follow. A text, or each
    in a list, has to be `valid`, where that is given; `form` says in words what is.
    """
    metadata = {
        "help": help, "flag": flag, "low": low, "high": high, "step": step, "choices": choices, "example": example,
        "valid": valid, "form": form,
    }  # fmt: skip
    return field(default=default, default_factory=factory, metadata=metadata)

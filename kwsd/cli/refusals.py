"""Reports a wrong command line in one line, and wrong values in the words of the configuration's errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from kwsd.errors import UsageError
from kwsd.shown import number

_KINDS = {"int_parsing": "a whole number", "float_parsing": "a number"}
_BOUNDS = {"greater_than_equal": ("ge", "or more"), "less_than_equal": ("le", "or less")}

_WrongUsage: type[Exception] = typer.BadParameter.__mro__[1]  # click's UsageError, which typer has no name for
_ASKS_FOR_HELP = "NoArgsIsHelpError"
_TOO_MANY = "Got unexpected extra argument"


@contextmanager
def refusing(ctx: Any) -> Iterator[None]:
    """Raise UsageError, which is reported in one line, where typer would print its usage and an error.

    A group of commands that is called without a command still shows its help."""
    try:
        yield
    except _WrongUsage as error:
        if type(error).__name__ == _ASKS_FOR_HELP:
            raise
        raise (_reworded(error) or _plain(error, ctx)) from error


def named(parameter: Any) -> str:
    """What the help calls one of typer's parameters: an option's flag, or an argument's letters."""
    flag = str(parameter.opts[0])
    return flag if flag.startswith("-") else str(parameter.metavar or flag).removesuffix("...")


def _plain(error: Any, ctx: Any) -> UsageError:
    """Typer's own message, with the possible choices, or the command whose help has them."""
    near = getattr(error, "possibilities", None)
    if near:
        text = f"{error.message}; did you mean {' or '.join(near)}?"
    else:
        text = " ".join(str(error.format_message()).split()).removesuffix(".")
        text = text.replace("'. Did you mean", "'; did you mean")
    quotes = "quote a value with spaces; " if text.startswith(_TOO_MANY) else ""
    return UsageError(f"{text[:1].lower()}{text[1:]} ({quotes}see {ctx.command_path} --help)")


def _reworded(error: Any) -> UsageError | None:
    """Typer's BadParameter in the words of the configuration; None unless it is about a value's form or range."""
    parameter, cause = getattr(error, "param", None), error.__cause__
    if parameter is None or not parameter.opts or not hasattr(cause, "errors"):
        return None
    found = cause.errors()[0]
    must = _must(found, getattr(parameter, "metavar", None) or "")
    if found["type"] in _BOUNDS and math.isnan(float(found["input"])):  # NaN violates both bounds
        must = _number(parameter.min, parameter.max)
    shown = str(found["input"]) if found["type"] in _BOUNDS else repr(found["input"])
    return UsageError(f"{named(parameter)} is {shown}; it must be {must}") if must else None


def _number(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"a number from {number(low)} to {number(high)}"
    if high is not None:
        return f"a number, {number(high)} or less"
    return f"a number, {number(low or 0)} or more"


def _must(found: Any, metavar: str) -> str:
    kind = str(found["type"])
    if kind in _BOUNDS:
        bound, side = _BOUNDS[kind]
        return f"{number(found['ctx'][bound])} {side}"
    if kind in _KINDS:
        return _KINDS[kind]
    *choices, last = metavar.split("|")
    return f"{', '.join(choices)} or {last}" if kind == "value_error" and choices else ""

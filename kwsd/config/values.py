"""Checks values against their options."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

from kwsd.config.hooklines import parse_hooks
from kwsd.config.options import Option
from kwsd.errors import ConfigError
from kwsd.labels import composed, twice
from kwsd.shown import brief, literal, number

_HOOKS = Mapping[str, tuple[tuple[str, ...], ...]]
WHOLE = (int, int | None)
"""The types of options that are whole numbers."""


def check(option: Option, value: Any, where: str, *, text: bool = False) -> Any:
    """`value` in the option's own type. Raises ConfigError, which begins with `where`, for a value that is not allowed.

    With `text`, as for flags, a string is first parsed to the option's type. Words come out `composed`, as labels are.
    """
    if text and isinstance(value, str):
        value = _read(option, value)
    if option.is_table:
        return _check_table(option, value, where)
    if option.is_list:
        if isinstance(value, (list, tuple)) and all(isinstance(word, str) and word for word in value):
            wrong = [word for word in value if option.valid and not option.valid(word)]
            if wrong:
                raise ConfigError(f"{where} has {literal(wrong[0])};", f"it must have {option.form}")
            return tuple(dict.fromkeys(map(composed, value)))
        example = ", ".join(f'"{word}"' for word in option.example)
        raise ConfigError(f"{where} is {literal(value)};", f"it must be a list of words, [{example}]")
    return _check_single(option, value, where)


def _check_single(option: Option, value: Any, where: str) -> Any:
    if option.type is str:
        if isinstance(value, str) and "\0" in value:
            raise ConfigError(f"{where} is {literal(value)};", "it must not contain a NUL character")
        if value == "" and option.default and not option.choices:  # an empty default, in contrast, has a meaning
            raise ConfigError(f"{where} is empty;", f"the default is {option.default}")
        if isinstance(value, str) and (not option.choices or value in option.choices):
            if option.valid and not option.valid(value):
                raise ConfigError(f"{where} is {literal(value)};", f"it must be {option.form}")
            return value
        if isinstance(value, int) and not isinstance(value, bool) and not option.choices:
            raise ConfigError(f"{where} is {literal(value)};", f'it must be text, in quotes: "{literal(value)}"')
    elif option.is_switch:
        if isinstance(value, bool):
            return value
    elif _is_number(option, value) and _in_range(option, value):
        return value if option.type in WHOLE else float(value)
    raise ConfigError(f"{where} is {literal(value)};", f"it must be {allowed(option)}")


def _check_table(option: Option, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {literal(value)};", "it must be a table with one line for each word")
    if word := twice(value):
        raise ConfigError(f"{where} has {literal(word)} twice, encoded in two ways;", "leave out one of them")
    if option.type == _HOOKS:
        return {composed(word): parse_hooks(entry, f"{where}.{_shown(word)}") for word, entry in value.items()}
    return {composed(word): _check_single(option, entry, f"{where}.{_shown(word)}") for word, entry in value.items()}


def _shown(word: str) -> str:
    """A key as errors show it, on one line."""
    return brief(word) if word.isprintable() else literal(word)


def _is_number(option: Option, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) if option.type in WHOLE else isinstance(value, (int, float))


def _in_range(option: Option, value: float) -> bool:
    low = float("-inf") if option.low is None else option.low
    high = float("inf") if option.high is None else option.high
    return low <= value <= high and (option.step is None or value % option.step == 0)


def allowed(option: Option) -> str:
    """The option's values in words: "a whole number from 10 to 1000, in steps of 10"."""
    if option.choices:
        return f"{', '.join(option.choices[:-1])} or {option.choices[-1]}"
    if option.type is str:
        return "text"
    if option.is_switch:
        return "true or false"
    kind = "a whole number" if option.type in WHOLE else "a number"
    bounds = "" if option.low is None or option.high is None else f" from {number(option.low)} to {number(option.high)}"
    return kind + bounds + (f", in steps of {option.step}" if option.step else "")


def _read(option: Option, text: str) -> Any:
    """A flag's text parsed to the option's type; the text itself if it cannot be parsed, for `check` to report."""
    if option.is_list:
        # As in CSV, quotes protect a comma within a label, as some of AudioSet's have. Line breaks separate words, too.
        try:
            rows = list(csv.reader(text.splitlines(), skipinitialspace=True))
        except csv.Error:
            return text
        return [word.strip() for row in rows for word in row if word.strip()]
    if option.is_switch:
        return {"true": True, "false": False}.get(text.lower(), text)
    if option.type is str or option.is_table:
        return text
    try:
        return int(text) if option.type in WHOLE else float(text)
    except ValueError:
        return text

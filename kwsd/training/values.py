"""Reads and checks a recipe's values by the types and bounds of its dataclasses' fields."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import MISSING, Field, field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin, get_type_hints

from kwsd.errors import ConfigError

_BOUNDS = "bounds"
_KINDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
_MANY = {str: "texts", int: "whole numbers"}


def number(default: Any, low: float, high: float = math.inf) -> Any:
    """A dataclass field with a default and inclusive bounds, which hold for each number of an array."""
    return field(default=default, metadata={_BOUNDS: (low, high)})


def bounds(kind: type, name: str) -> tuple[float, float | None]:
    """The bounds of a dataclass's field; None for no upper bound."""
    (low, high), *_ = (_bounds(item) for item in fields(kind) if item.name == name)
    return low, None if high == math.inf else high


def read_table(kind: type, table: object, prefix: str = "", names: Collection[str] | None = None) -> dict[str, Any]:
    """The values that a TOML table has for the fields of the dataclass `kind`, or for those in `names`.

    Arrays become tuples, whole numbers floats where the field is a float, and tables the dataclass of the field.

    Raises:
        ConfigError: it is no table, or a key is unknown, missing, of a wrong type or out of bounds; the text puts
            `prefix` before the key.
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{prefix.rstrip('.')} must be a table")
    hints = get_type_hints(kind)
    known = {item.name: item for item in fields(kind) if names is None or item.name in names}
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            raise ConfigError(f"unknown key {prefix}{key}" + (f"; did you mean {prefix}{near[0]}?" if near else ""))
    for name, item in known.items():
        if item.default is MISSING and item.default_factory is MISSING and table.get(name, "") == "":
            raise ConfigError(f"the key {prefix}{name} is missing")
    return {key: _read(known[key], hints[key], value, prefix + key) for key, value in table.items()}


def _read(item: Field[Any], kind: Any, value: Any, key: str) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**read_table(kind, value, f"{key}."))
    low, high = _bounds(item)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if not isinstance(value, list) or not all(_fits(inner, entry, low, high) for entry in value):
            raise ConfigError(f"{key} must be an array of {_MANY[inner]}{_range(low, high)}, not {value!r}")
        return tuple(value)
    kind = next((part for part in get_args(kind) if part is not type(None)), kind)  # None is only a default
    if not _fits(kind, value, low, high):
        raise ConfigError(f"{key} must be {_KINDS[kind]}{_range(low, high)}, not {value!r}")
    return kind(value)


def _fits(kind: type, value: Any, low: float, high: float) -> bool:
    """Whether a value has the type `kind` and, if it is a number, is finite and within bounds."""
    if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) != (kind is bool):
        return False
    return not isinstance(value, (int, float)) or (low <= value <= high and abs(value) != math.inf)


def _range(low: float, high: float) -> str:
    if low == -math.inf:
        return ""
    return f", {low} or more" if high == math.inf else f" from {low} to {high}"


def _bounds(item: Field[Any]) -> tuple[float, float]:
    low, high = item.metadata.get(_BOUNDS, (-math.inf, math.inf))
    return low, high

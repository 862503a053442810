"""A fine-tuning run as a TOML file: what `kwsd train --backbone` is told by options. Reading it imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kwsd.errors import ConfigError
from kwsd.texts import TOMLDecodeError, parse_toml, read_text


@dataclass(frozen=True, slots=True)
class BackboneRecipe:
    """One run: the encoder `model` (a folder or a Hub id) learns `words`, or where there are none, all of the data's.

    `window_s` is in seconds, `batch` in windows, `accumulate` in batches a step; `peak_rate` is the learning rate's.
    """

    name: str
    words: tuple[str, ...]
    model: str
    frozen: bool
    window_s: float
    epochs: int
    batch: int
    accumulate: int
    peak_rate: float
    class_weights: bool
    seed: int


_TOP: Mapping[str, Any] = {"name": None, "words": []}
_BACKBONE: Mapping[str, Any] = {"model": None, "frozen": False, "window_s": 1.0}
_SCHEDULE: Mapping[str, Any] = {"epochs": 5, "batch": 16, "accumulate": 1, "class_weights": False, "seed": 0}
"""Each key with its default; None where the recipe has to say it. The rate's depends on what is trained."""


def read_backbone_recipe(path: Path) -> BackboneRecipe | None:
    """The recipe in a TOML file; None for one without a [backbone] table, which is no recipe of this kind.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type; the text names it.
    """
    try:
        tables = parse_toml(read_text(path))
    except (OSError, UnicodeDecodeError, TOMLDecodeError):
        return None  # whoever reads the other kind tells what is wrong with it
    if "backbone" not in tables:
        return None
    try:
        top = _filled({key: value for key, value in tables.items() if key not in ("backbone", "schedule")}, _TOP, "")
        backbone = _filled(tables["backbone"], _BACKBONE, "backbone.")
        rate = {"peak_rate": 1e-3 if backbone["frozen"] else 3e-5}
        schedule = _filled(tables.get("schedule", {}), {**_SCHEDULE, **rate}, "schedule.")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return BackboneRecipe(words=tuple(dict.fromkeys(top.pop("words"))), **top, **backbone, **schedule)


def _filled(table: object, known: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"{prefix.rstrip('.')} must be a table")
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            raise ConfigError(f"unknown key {prefix}{key}" + (f"; did you mean {prefix}{near[0]}?" if near else ""))
    return {key: _checked(prefix + key, table.get(key, default), default) for key, default in known.items()}


def _checked(key: str, value: Any, default: Any) -> Any:
    """The value, if it is of the default's kind and possible. Raises ConfigError."""
    if value is None:
        raise ConfigError(f"the key {key} is missing")
    if default is None:
        right, wanted = isinstance(value, str) and value != "", "a text"
    elif isinstance(default, bool):
        right, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, list):
        right = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
        wanted = "an array of texts"
    elif isinstance(default, float):
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 60
        wanted = "a number above 0, 60 at most"
        value = float(value) if right else value
    else:
        least = 0 if key.endswith("seed") else 1
        right = isinstance(value, int) and not isinstance(value, bool) and value >= least
        wanted = f"a whole number, {least} at least"
    if not right:
        raise ConfigError(f"{key} must be {wanted}, not {value!r}")
    return value

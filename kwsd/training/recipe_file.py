"""A recipe as a TOML file, read and checked. What its keys mean is in the README and in `kwsd.training.recipe`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kwsd.errors import ConfigError, InputError
from kwsd.texts import TOMLDecodeError, parse_toml, read_text, reason
from kwsd.training.recipe import Data, Mix, Network, Recipe, Schedule, Soup, Teacher

_SECTIONS: dict[str, type] = {
    "network": Network,
    "teacher": Teacher,
    "data": Data,
    "mix": Mix,
    "schedule": Schedule,
    "soup": Soup,
}
_KINDS = ("hubert", "moonshine")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is no TOML, has an unknown key, or contradicts itself; the text names the place.
    """
    try:
        tables = parse_toml(read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the recipe {path}: {reason(error)}") from error
    except TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        recipe: Recipe = _fill(Recipe, tables, "")
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    contradiction = next(_contradictions(recipe), None)
    if contradiction is not None:
        raise ConfigError(f"{path}: {contradiction}")
    return recipe


def _contradictions(recipe: Recipe) -> Iterator[str]:
    network, mix = recipe.network, recipe.mix
    if network.kind not in _KINDS:
        yield f'network.kind is {network.kind!r}, not "hubert" or "moonshine"'
    if network.kind == "moonshine" and not recipe.teacher.weights:
        yield "a moonshine is its teacher's weights: name them as teacher.weights"
    if network.kind == "hubert" and recipe.teacher.weights and len(recipe.teacher.layers) != network.num_hidden_layers:
        yield "teacher.layers needs one layer for each of network.num_hidden_layers"
    if abs(sum(mix.shares) - 1) > 1e-6:
        yield f"mix.words, sentences, cut, glued, others and silence sum to {sum(mix.shares):g}, not 1"
    if len(mix.noise_snr) != 2 or mix.noise_snr[0] > mix.noise_snr[1]:
        yield f"mix.noise_snr is {list(mix.noise_snr)}, not two numbers of dB, [from, to]"
    for pair in recipe.data.homophones:
        if pair.partition("=")[2] not in recipe.words:
            yield f'data.homophones: {pair!r} is not like "know=no", with a word of the recipe'


def _fill(kind: type, table: dict[str, Any], prefix: str) -> Any:
    """A dataclass from a TOML table; arrays become tuples, tables the dataclass that stands for them."""
    known = {item.name: item for item in fields(kind)}
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            raise ConfigError(f"unknown key {prefix}{key}" + (f"; did you mean {prefix}{near[0]}?" if near else ""))
    values: dict[str, Any] = {}
    for key, value in table.items():
        if kind is Recipe and key in _SECTIONS:
            if not isinstance(value, dict):
                raise ConfigError(f"{key} must be a table")
            values[key] = _fill(_SECTIONS[key], value, f"{key}.")
        else:
            values[key] = _checked(prefix + key, value, str(known[key].type))
    for item in fields(kind):
        if item.name in ("name", "words") and kind is Recipe and item.name not in values:
            raise ConfigError(f"the key {item.name} is missing")
    return kind(**values)


def _checked(key: str, value: Any, annotation: str) -> Any:
    """The value, as its field's annotation wants it: tuples for arrays, floats for integers where a float is due."""
    if annotation.startswith("tuple"):
        inner = int if "int" in annotation else str
        if not isinstance(value, list) or not all(isinstance(entry, inner) for entry in value):
            raise ConfigError(f"{key} must be an array of {'integers' if inner is int else 'strings'}")
        return tuple(value)
    types: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
    if not isinstance(value, types[annotation]) or isinstance(value, bool) != (annotation == "bool"):
        raise ConfigError(f"{key} must be of type {annotation}, not {value!r}")
    return float(str(value)) if annotation == "float" else value

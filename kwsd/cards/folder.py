"""Reads what any model's folder holds beside the weights: JSON files with numbers and labels, and the licence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kwsd.errors import ModelError
from kwsd.labels import composed, is_printable, unclear

MOST_JSON, MOST_TOKENS, MOST_ONNX = 1 << 24, 1 << 28, 1 << 31
"""Most bytes of a JSON file, of a tokenizer's vocabulary, and of an ONNX file, which protobuf limits to that.

They are read whole, and an archive of a few kilobytes can hold a file of zeros that fills the memory."""
_DEEPEST = 100
"""Most levels of tables and lists in a JSON file. Python's own limit is higher for reading than for what comes after,
such as showing it, from 3.12 on."""
_FRONT = 1 << 16
"""Most characters of a README that are searched for the licence, which stands at its beginning."""


def check_regular(path: Path, remedy: str = "fetch the model again", most: int | None = None) -> None:
    """Raise ModelError for what is there but no file: a pipe would be waited for, and a device has no end.

    The same for a file of more than `most` bytes."""
    if not path.exists():
        return
    if not path.is_file():
        raise ModelError(f"{path} is not a regular file;", remedy)
    if most is not None and (size := path.stat().st_size) > most:
        raise ModelError(f"{path} has {size / 1e6:.0f} MB, more than such a file can need;", remedy)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a regular file. Raises ModelError."""
    try:
        check_regular(path, most=MOST_JSON)
        value = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise closed(path, error) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}", "fetch the model again") from error
    except RecursionError as error:
        raise _too_deep(path) from error
    if not _is_shallow(value):
        raise _too_deep(path)
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object;", "fetch the model again")
    return value


def _too_deep(path: Path) -> ModelError:
    return ModelError(f"cannot read {path}: too deeply nested", "fetch the model again")


def _is_shallow(value: object, left: int = _DEEPEST) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left > 0 and all(_is_shallow(part, left - 1) for part in inner)


def closed(path: Path, error: PermissionError) -> ModelError:
    """The error for a model's file that this user may not read, which fetching it again would not change."""
    return ModelError(f"{path}: {error.strerror}", "check its permissions, or name another model")


def whole(value: object, folder: Path, what: str, most: int, least: int = 1) -> int:
    """Check a number of a model's folder: a whole one from `least` to `most`. Raises ModelError."""
    if isinstance(value, float) and value.is_integer():  # as some write 16000.0
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ModelError(
            f"{folder}: {what} is {value!r:.40}, but must be a whole number from {least} to {most};",
            "fetch the model again",
        )
    return value


def read_labels(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels in the order of the scores, each `composed`, as a configuration names it.

    Without id2label they are LABEL_0, LABEL_1 and so on, as in transformers; two, unless num_labels says how many.
    Raises ModelError where there are none, or where one is not printable, is blank, or occurs twice.
    """
    named = config.get("id2label")
    if named is None:
        count = whole(config.get("num_labels", 2), folder, "num_labels", 100_000)
        return tuple(f"LABEL_{index}" for index in range(count))
    try:
        labels = tuple(composed(str(named[str(index)])) for index in range(len(named)))
    except (TypeError, KeyError) as error:
        raise ModelError(
            f"{folder}/config.json: the keys of id2label must be 0, 1, 2 and so on;", "fetch the model again"
        ) from error
    if not labels:
        raise ModelError(f"{folder}/config.json: id2label is empty;", "fetch the model again")
    if config.get("num_labels", len(labels)) != len(labels):  # transformers would take num_labels, and drop the names
        other = f"num_labels is {config['num_labels']!r:.40}, but id2label names {len(labels)};"
        raise ModelError(f"{folder}/config.json: {other}", "remove the wrong one")
    strange = next((label for label in labels if not is_printable(label)), None)
    if strange is not None:  # they go to terminals and into the environment of hooks
        raise ModelError(
            f"{folder}/config.json: the label {strange!r} contains control characters;",
            "give it another name in id2label",
        )
    if what := unclear(labels):
        raise ModelError(f"{folder}/config.json: {what};", "give each label its own name in id2label")
    return labels


def licence_of(folder: Path, card: Mapping[str, Any]) -> str:
    """The licence that the model's card names, otherwise its README's front matter; "unknown" without one."""
    if named := card.get("licence"):
        return str(named)
    readme = folder / "README.md"
    with suppress(OSError, UnicodeDecodeError):
        text = ""
        if readme.is_file():  # a device has no end
            with readme.open(encoding="utf-8") as file:
                text = file.read(_FRONT)
        front = text.split("\n---", 1)[0] if text.startswith("---") else ""
        found = re.search(r"^licen[sc]e:[ \t]*(?:\n[ \t]*-[ \t]*)?[\"']?([^\s\"'#]+)", front, re.MULTILINE)
        if found and found[1].isprintable():  # it goes to terminals
            return found[1]
    return "unknown"

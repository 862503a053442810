"""Reads card.json, which travels with a model's weights, and verifies its checksums of the files beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kwsd.cards.allowed import (
    A_NAME,
    MOST_CHANCE,
    MOST_LATEST_MS,
    is_chance,
    is_cost,
    is_latest,
    is_name,
    is_smoothing,
    is_threshold,
)
from kwsd.cards.folder import closed, read_json
from kwsd.cards.names import CARD
from kwsd.config import nearest
from kwsd.config.sections import LOWEST, MOST_SMOOTHING
from kwsd.errors import ModelError
from kwsd.labels import composed, twice

DEFAULT_SMOOTHING = 2
"""Windows to average scores over, where the card does not say for how many its thresholds were chosen."""
_AGAIN = "fetch the model again, or repeat the kwsd train or export that wrote it"
"""The remedy for a folder that is incomplete: a fetch may have been cut off, and a kill may have ended an export."""


def read_card_file(path: Path) -> dict[str, Any]:
    """The card at `path`, with defaults for what it does not say; the defaults alone if there is no file.

    Raises ModelError for a value that a card may not have."""
    card = read_json(path) if path.exists() else {}
    if "name" in card and not is_name(card["name"]):
        what = f"{path}: the name is {card['name']!r:.40}, but must be {A_NAME};"
        raise ModelError(what, "change it in that file")
    if not str(card.get("licence", "")).isprintable():  # it goes to terminals
        what = f"{path}: the licence {card['licence']!r:.40} contains control characters;"
        raise ModelError(what, "change it in that file")
    for name in ("sha256", "thresholds", "scores"):
        if not isinstance(card.setdefault(name, {}), dict):
            raise ModelError(f"{path}: {name} must be a JSON object;", "fetch the model again")
    try:
        json.dumps(card["scores"], allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: a score is not a finite number, or is nested too deeply", "fetch the model again"
        ) from error
    smoothing = card.setdefault("smoothing", DEFAULT_SMOOTHING)
    if not is_smoothing(smoothing):
        raise _wrong(path, "smoothing", smoothing, f"a whole number from 1 to {MOST_SMOOTHING}")
    if not is_cost(card.setdefault("substitution", 1.0)):
        raise _wrong(path, "substitution", card["substitution"], "a number above 0, at most 1")
    if not is_latest(card.setdefault("latest_ms", None)):
        raise _wrong(path, "latest_ms", card["latest_ms"], f"a whole number of milliseconds from 1 to {MOST_LATEST_MS}")
    if not is_chance(card.setdefault("second_chance", 0.0)):
        raise _wrong(path, "second_chance", card["second_chance"], f"a number from 0 to {MOST_CHANCE}, in log-odds")
    for word, threshold in card["thresholds"].items():
        if not is_threshold(threshold):
            raise _wrong(path, f"the threshold of {word!r}", threshold, f"a number from {LOWEST:g} to 1")
    if again := twice(card["thresholds"]):
        what = f"{path}: the thresholds have {again!r:.40} twice, encoded in two ways;"
        raise ModelError(what, "remove one of them")
    card["thresholds"] = {composed(word): threshold for word, threshold in card["thresholds"].items()}
    return card


def _wrong(path: Path, what: str, value: object, must: str) -> ModelError:
    return ModelError(f"{path}: {what} is {value!r:.40}, but must be {must};", "fetch the model again")


def check_words(thresholds: Mapping[str, float], labels: Sequence[str], place: str) -> None:
    """Raise ModelError, with `place` in it, for a threshold of an unknown label.

    The word that was meant would fire at another threshold."""
    strange = [word for word in thresholds if word not in labels]
    if strange:
        hint = nearest(strange[0], labels)
        more = f" and {len(strange) - 3} more" if strange[3:] else ""
        words = ", ".join(f"{word!r:.40}" for word in strange[:3])
        raise ModelError(f"{place} name {words}{more}, which the model does not know;", hint or "remove them")


def verify_checksums(folder: Path, card: Mapping[str, Any]) -> None:
    """Raise ModelError where a file that the card lists is missing, cannot be read or has another checksum."""
    for name, expected in card["sha256"].items():
        if not isinstance(expected, str):
            raise ModelError(f"{folder / CARD}: the checksum of {name!r:.80} is not a text", "fetch the model again")
        # A plain name, not a path out of the folder: reading /dev/zero would never end.
        if Path(name).name != name or not (folder / name).is_file():
            raise ModelError(f"{folder / CARD} lists {name!r:.80}, but there is no such file in that folder", _AGAIN)
        try:
            found = checksum(folder / name)
        except PermissionError as error:
            raise closed(folder / name, error) from error
        except OSError as error:
            raise ModelError(f"{folder / name}: cannot be read ({error.strerror})", "fetch the model again") from error
        if found != expected.lower():
            raise ModelError(f"{folder / name} is damaged: its SHA-256 differs from that in {CARD};", _AGAIN)


def checksum(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits, as in a card; the file is read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            digest.update(piece)
    return digest.hexdigest()

"""card.json, which travels with a model's weights: its tables, and the checksums of the files beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kwsd.cards.allowed import A_NAME, is_cost, is_latest, is_name, is_smoothing, is_threshold
from kwsd.cards.folder import closed, read_json
from kwsd.config import nearest
from kwsd.config.sections import LOWEST, MOST_SMOOTHING
from kwsd.errors import ModelError

DEFAULT_SMOOTHING = 2
"""How many windows' mean score counts, where the card does not say for how many its thresholds were chosen."""


def read_card_file(path: Path) -> dict[str, Any]:
    """The card at `path` with its three tables, and what it does not say as if it said the usual; nothing but that
    where there is no file. Raises ModelError: a value is none that a card may have."""
    card = read_json(path) if path.exists() else {}
    if "name" in card and not is_name(card["name"]):
        what = f"{path}: the name is {card['name']!r:.40}, no text of {A_NAME}"
        raise ModelError(what, "write another")
    if not str(card.get("licence", "")).isprintable():  # it goes to terminals
        raise ModelError(f"{path}: the licence is {card['licence']!r:.40}, with control characters", "write another")
    for name in ("sha256", "thresholds", "scores"):
        if not isinstance(card.setdefault(name, {}), dict):
            raise ModelError(f"{path}: {name} is no table", "fetch the model again")
    try:
        json.dumps(card["scores"], allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: a score is no number, or nested without end", "fetch the model again") from error
    smoothing = card.setdefault("smoothing", DEFAULT_SMOOTHING)
    if not is_smoothing(smoothing):
        raise ModelError(f"{path}: smoothing is {smoothing!r}, no whole number from 1 to {MOST_SMOOTHING}")
    if not is_cost(card.setdefault("substitution", 1.0)):
        raise ModelError(f"{path}: substitution is {card['substitution']!r}, no number above 0, up to 1")
    if not is_latest(card.setdefault("latest_ms", None)):
        raise ModelError(f"{path}: latest_ms is {card['latest_ms']!r}, no whole number of milliseconds from 1 to 60000")
    for word, threshold in card["thresholds"].items():
        if not is_threshold(threshold):
            raise ModelError(f"{path}: the threshold of {word!r} is {threshold!r}, no number from {LOWEST:g} to 1")
    return card


def check_words(thresholds: Mapping[str, float], labels: Sequence[str], place: str) -> None:
    """Raises ModelError, with `place` in it, where a threshold is for what is no label: the word that was meant would
    fire at another one."""
    strange = [word for word in thresholds if word not in labels]
    if strange:
        hint = nearest(strange[0], labels)
        more = f" and {len(strange) - 3} more" if strange[3:] else ""
        words = ", ".join(f"{word!r:.40}" for word in strange[:3])
        raise ModelError(f"{place} are for {words}{more}, which the model does not know;", hint or "remove them")


def verify_checksums(folder: Path, card: Mapping[str, Any]) -> None:
    """Raises ModelError where a file that the card lists is missing, cannot be read or is another one."""
    for name, expected in card["sha256"].items():
        if not isinstance(expected, str):
            raise ModelError(f"{folder}: the card's checksums are not right ({name!r:.80})", "fetch the model again")
        # A name, and no way out of the folder: /dev/zero has no end.
        if Path(name).name != name or not (folder / name).is_file():
            raise ModelError(f"{folder}: the card lists {name!r:.80}, which is no file there", "fetch the model again")
        try:
            found = checksum(folder / name)
        except PermissionError as error:
            raise closed(folder / name, error) from error
        except OSError as error:
            raise ModelError(f"{folder / name}: {error.strerror}, but the card lists it", "fetch it again") from error
        if found != expected.lower():
            raise ModelError(f"{folder / name} is damaged: its SHA-256 is not the card's;", "fetch the model again")


def checksum(path: Path) -> str:
    """SHA-256 of a file, as a card tells it; the file is never held as a whole. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            digest.update(piece)
    return digest.hexdigest()

"""Writes card.json, beside the weights that it describes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kwsd.cards.card_file import DEFAULT_SMOOTHING, checksum
from kwsd.cards.folder import read_json
from kwsd.cards.names import CARD, GRAPH, WEIGHTS
from kwsd.errors import ModelError
from kwsd.replacing import write_bytes

UNCHOSEN: Mapping[str, Any] = {
    "thresholds": {}, "smoothing": DEFAULT_SMOOTHING, "substitution": 1.0, "latest_ms": None, "second_chance": 0.0,
    "verifier": None,
}  # fmt: skip
"""A card's settings for new weights, which replace those that an earlier card has for other weights."""


def write_card(folder: Path, changes: Mapping[str, Any], listed: Sequence[str] = (WEIGHTS, GRAPH)) -> None:
    """Put `changes` into the folder's card.json, with the current checksums of the files `listed` that are there.

    Raises ModelError where the existing card is invalid.
    """
    card = read_raw_card(folder) | dict(changes)
    card["sha256"] = {name: checksum(folder / name) for name in listed if (folder / name).is_file()}
    write_bytes(folder / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def read_raw_card(folder: Path) -> dict[str, Any]:
    """The folder's card.json as it is; empty where there is none.

    Raises ModelError where it is truncated or no card: call it before long work that ends in writing a model there.
    """
    path = folder / CARD
    try:
        card = read_json(path) if path.exists() else {}
    except ModelError as error:
        raise ModelError(error.what, "repair or remove it") from error
    if not isinstance(card.get("sha256", {}), dict):
        raise ModelError(f"{path}: sha256 must be a JSON object;", "repair or remove it")
    return card

"""Writes card.json, beside the weights that it describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kwsd.cards.card_file import DEFAULT_SMOOTHING, checksum
from kwsd.cards.folder import read_json
from kwsd.cards.names import CARD, GRAPH, WEIGHTS
from kwsd.errors import ModelError
from kwsd.replacing import write_bytes

UNCHOSEN: Mapping[str, Any] = {
    "thresholds": {}, "smoothing": DEFAULT_SMOOTHING, "substitution": 1.0, "latest_ms": None, "verifier": None,
}  # fmt: skip
"""What a card says of weights for which nothing has been chosen: what an earlier card has was chosen for others."""


def write_card(folder: Path, changes: Mapping[str, Any]) -> None:
    """Put `changes` into the folder's card.json, with the checksums of weights and graph as they lie there now.

    Raises ModelError where the card that is there is none.
    """
    card = read_raw_card(folder) | dict(changes)
    card["sha256"] = {name: checksum(folder / name) for name in (WEIGHTS, GRAPH) if (folder / name).is_file()}
    write_bytes(folder / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def read_raw_card(folder: Path) -> dict[str, Any]:
    """The folder's card.json as it is; empty where there is none.

    Raises ModelError where it is cut off, or no card. Who is to write a model there after long work asks before it.
    """
    path = folder / CARD
    try:
        card = read_json(path) if path.exists() else {}
    except ModelError as error:
        raise ModelError(error.what, "repair or remove it") from error
    if not isinstance(card.get("sha256", {}), dict):
        raise ModelError(f"{path}: sha256 is no table", "repair or remove it")
    return card

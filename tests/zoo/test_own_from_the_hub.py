"""A model of kwsd's own, exported here and pulled from a server that stands in for the Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.cards.hub import HubId
from kwsd.zoo import load_classifier, pulled_models, read_card
from kwsd.zoo.pulling import pull

TINY = "someone/tiny"


def served(hub: Any, folder: Path) -> None:
    """Put a model folder on the Hub."""
    hub.files = {file.name: file.read_bytes() for file in folder.iterdir()}


def test_it_listens_by_its_graph(hub: Any, verified: Callable[..., Path]) -> None:
    served(hub, verified(thresholds={}, verified_at={}) / "larger")
    folder = pull(HubId(TINY))
    assert (folder / "graph.onnx").is_file()
    classifier = load_classifier(read_card(TINY), device="cpu")
    assert type(classifier).__name__ == "OnnxClassifier"
    assert classifier.score(np.zeros((1, 16_000), np.float32)).shape == (1, 4)


def test_it_is_called_by_its_id(hub: Any, verified: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    made = verified(thresholds={}, verified_at={}) / "larger"
    served(hub, made)
    pull(HubId(TINY))
    pull(HubId(TINY, "v1"))
    assert read_card(str(made)).name == read_card(f"{made.parent}/larger").name == "larger"
    names = [TINY, f"{TINY}@v1"]
    assert [read_card(name).name for name in names] == names
    assert load_classifier(read_card(TINY), device="cpu").name == TINY
    assert [card.name for card in pulled_models()] == names
    monkeypatch.chdir(made.parent.parent)
    assert read_card(f"{made.parent.name}/larger").name == "larger"  # it reads like an id, and is a folder

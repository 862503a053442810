"""A model of kwsd's own, exported here and pulled from a server that stands in for the Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.networks.hub import HubId
from kwsd.networks.pulling import pull
from kwsd.zoo import load_classifier, read_card

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

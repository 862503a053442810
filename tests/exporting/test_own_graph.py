"""The graph of kwsd's own network computes what the network does, and holds none of its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from drawn_networks import drawn_hubert

from kwsd.exporting.agreement import compare
from kwsd.exporting.own_graph import drawing

SHAPES: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "norms after": {"do_stable_layer_norm": False},
    "layer norm in front": {"feat_extract_norm": "layer", "feat_proj_layer_norm": True},
    "no biases in front": {"conv_bias": False},
    "an odd positional kernel": {"num_conv_pos_embeddings": 9},
    "overlapping taps": {"conv_kernel": (90, 8, 2), "conv_stride": (40, 3, 2)},
    "taps that end with the window": {"conv_kernel": (160, 3, 3), "conv_stride": (80, 2, 2)},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_are_torchs(tmp_path: Path, shape: str) -> None:
    place = drawn_hubert(tmp_path / "tiny", **SHAPES[shape])
    float32, int8 = (drawing(place, quantised=quantised)[0].SerializeToString() for quantised in (False, True))
    found = compare(place, float32, int8)
    assert found.float32 <= 1e-4
    assert 0 < found.int8 <= 0.1
    assert (place / "graph.onnx").read_bytes() == int8


def test_the_graph_holds_no_weights(tmp_path: Path) -> None:
    graph, initializers = drawing(drawn_hubert(tmp_path / "tiny"), quantised=True)
    inside = sum(len(tensor.raw_data) for tensor in graph.graph.initializer)
    assert inside < 8_000
    assert sum(values.nbytes for values in initializers.values()) > 20_000


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({"hidden_act": "relu"}, "hidden_act relu"),
        ({"feat_extract_activation": "relu"}, "feat_extract_activation relu"),
        ({"conv_pos_batch_norm": True}, "pos_conv_embed"),
    ],
)
def test_what_cannot_be_drawn_has_no_graph(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, odd: dict[str, Any], told: str
) -> None:
    place = drawn_hubert(tmp_path / "tiny")
    assert (place / "graph.onnx").exists()
    drawn_hubert(place, **odd)
    assert told in caplog.text
    assert not (place / "graph.onnx").exists()
    assert set(json.loads((place / "card.json").read_text())["sha256"]) == {"model.safetensors"}

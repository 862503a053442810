"""A model whose parts do not fit each other is told as it is loaded."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from json_files import change
from safetensors.numpy import load_file, save_file

from kwsd.errors import ModelError
from kwsd.zoo import find_model, load_classifier, read_card


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of the shipped model, to be spoilt."""
    folder = tmp_path / "model"
    shutil.copytree(Path(__file__).parents[2] / "models" / "hubert-commands", folder)
    return folder


def test_weights_that_do_not_fit_their_config(shipped: Path) -> None:
    (shipped / "card.json").unlink()
    (shipped / "graph.onnx").unlink()
    change(shipped / "config.json", intermediate_size=64)
    with pytest.raises(ModelError, match="cannot load model "):
        load_classifier(read_card(str(shipped)), device="cpu")


def test_weights_that_do_not_fit_their_graph(shipped: Path) -> None:
    (shipped / "card.json").unlink()
    weights = load_file(shipped / "model.safetensors")
    weights = {name: values for name, values in weights.items() if "layers.3" not in name}
    save_file(weights, shipped / "model.safetensors")
    with pytest.raises(ModelError, match=r"graph.onnx does not fit .*kwsd export"):
        load_classifier(read_card(str(shipped)), device="cpu")


def test_a_window_that_does_not_fit_its_graph(shipped: Path) -> None:
    change(shipped / "config.json", window_samples=8_000)
    with pytest.raises(ModelError, match=r"graph.onnx does not fit .*kwsd export"):
        load_classifier(replace(read_card(str(shipped)), verifier=None), device="cpu")


@pytest.mark.parametrize("graph", [b"", b"no graph", b"\x08\x09"])
def test_a_graph_that_is_none(shipped: Path, graph: bytes) -> None:
    (shipped / "graph.onnx").write_bytes(graph)
    with pytest.raises(ModelError, match="SHA-256"):
        read_card(str(shipped))
    (shipped / "card.json").unlink()
    with pytest.raises(ModelError, match=r"graph.onnx does not fit"):
        load_classifier(read_card(str(shipped)), device="cpu")


def test_a_graph_runs_on_onnx_runtime_and_what_has_none_on_torch(shipped: Path) -> None:
    window = np.random.default_rng(2).normal(0, 0.1, (2, 16_000)).astype(np.float32)
    quick = load_classifier(replace(read_card(str(shipped)), verifier=None), device="cpu")
    change(shipped / "card.json", sha256={})
    (shipped / "graph.onnx").unlink()
    plain = load_classifier(replace(read_card(str(shipped)), verifier=None), device="cpu")
    assert [type(one).__name__ for one in (quick, plain)] == ["OnnxClassifier", "TorchClassifier"]
    assert (quick.name, quick.labels, quick.device) == (plain.name, plain.labels, plain.device)
    np.testing.assert_allclose(quick.score(window), plain.score(window), atol=0.1)


def test_a_network_of_kwsds_own_that_lacks_weights_is_not_filled_up_by_chance(tmp_path: Path) -> None:
    from kwsd.networks.torch_classifier import load_network

    place = shutil.copytree(find_model("hubert-commands"), tmp_path / "mine")
    weights = load_file(place / "model.safetensors")
    del weights["hubert.encoder.layers.1.attention.out_proj.weight"]
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"mine is incomplete: .* has no weights for hubert\.encoder\.layers\.1"):
        load_network(place)

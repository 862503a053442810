"""The ONNX graph computes what the network does, from the same weights, and needs no torch for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file, save_file

from kwsd.cards.card_writing import write_card
from kwsd.cards.exported import Exported
from kwsd.errors import DeviceError, ModelError
from kwsd.exporting.agreement import agreement, compare, sounds
from kwsd.exporting.export import export_model
from kwsd.exporting.own_graph import drawing
from kwsd.networks.hubert import HubertSpotterConfig, HubertSpotterModel
from kwsd.networks.onnx_loading import load_exported, load_onnx, quantisation_levels
from kwsd.networks.onnx_weights import arrange
from kwsd.networks.quantization import quantise, unscaled
from kwsd.zoo import load_classifier, read_card

LABELS = ("yes", "no", "_unknown_", "_silence_")
SHAPES: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "norms after": {"do_stable_layer_norm": False},
    "layer norm in front": {"feat_extract_norm": "layer", "feat_proj_layer_norm": True},
    "no biases in front": {"conv_bias": False},
    "an odd positional kernel": {"num_conv_pos_embeddings": 9},
    "overlapping taps": {"conv_kernel": (90, 8, 2), "conv_stride": (40, 3, 2)},
    "taps that end with the window": {"conv_kernel": (160, 3, 3), "conv_stride": (80, 2, 2)},
}


def make(folder: Path, **shape: Any) -> Path:
    """A model folder with weights from a seed, none of them zero or one, where training would start."""
    torch.manual_seed(5)
    config = HubertSpotterConfig(**{
        "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
        "conv_dim": (16, 16, 32), "conv_kernel": (127, 7, 3), "conv_stride": (64, 3, 4), "conv_bias": True,
        "feat_proj_layer_norm": False, "do_stable_layer_norm": True, "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 4, "adapter_size": 8, "head_size": 16, "mask_time_prob": 0.0,
        "id2label": dict(enumerate(LABELS)), "label2id": {label: index for index, label in enumerate(LABELS)},
        **shape,
    })  # fmt: skip
    model = HubertSpotterModel(config).train(False)
    with torch.no_grad():
        for values in model.parameters():
            values += 0.1 * torch.randn(values.shape)
    export_model(model, folder, name="tiny", licence="Apache-2.0")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_are_torchs(tmp_path: Path, shape: str) -> None:
    place = make(tmp_path / "tiny", **SHAPES[shape])
    float32, int8 = (drawing(place, quantised=quantised)[0].SerializeToString() for quantised in (False, True))
    found = compare(place, float32, int8)
    assert found.float32 <= 1e-4
    assert 0 < found.int8 <= 0.1
    assert (place / "graph.onnx").read_bytes() == int8


def test_a_graph_that_computes_something_else_is_refused(folder: Path) -> None:
    float32, int8 = (drawing(folder, quantised=quantised)[0] for quantised in (False, True))
    for node in float32.graph.node:
        if node.op_type == "Gelu":
            node.op_type = "QuickGelu"
    with pytest.raises(ModelError, match="differ from the model's by"):
        compare(folder, float32.SerializeToString(), int8.SerializeToString())


def test_scores_that_are_no_numbers_are_no_agreement() -> None:
    right, wrong = (SimpleNamespace(score=lambda _, value=value: np.full((2, 3), value)) for value in (0.5, np.nan))
    with pytest.raises(ModelError, match="differ from the model's by"):
        agreement("odd", right, wrong, right, np.zeros((2, 16_000), np.float32))  # type: ignore[arg-type]  # enough


def test_eight_bits_are_measured_by_their_scores_and_best_labels() -> None:
    first, second = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.7, 0.3], [0.45, 0.55]])
    right, rough = (SimpleNamespace(score=lambda _, rows=rows: rows) for rows in (first, second))
    found = agreement("mine", right, right, rough, np.zeros((2, 16_000), np.float32))  # type: ignore[arg-type]  # enough
    assert (found.float32, found.int8, found.same) == (0, pytest.approx(0.2), 0.5)


def test_a_windows_scores_are_its_own_whatever_else_is_in_the_batch(folder: Path) -> None:
    classifier, windows = load_onnx(folder, "tiny", LABELS), sounds(16_000, 5)
    together = classifier.score(windows)
    np.testing.assert_array_equal(together, np.concatenate([classifier.score(window[None]) for window in windows]))
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    assert classifier.score(windows[:0]).shape == (0, len(LABELS))


def test_the_graph_holds_no_weights(folder: Path) -> None:
    graph, initializers = drawing(folder, quantised=True)
    inside = sum(len(tensor.raw_data) for tensor in graph.graph.initializer)
    assert inside < 8_000
    assert sum(values.nbytes for values in initializers.values()) > 20_000


def test_a_graph_that_names_other_files_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, here = make(tmp_path / "tiny"), tmp_path / "here"
    here.mkdir()
    (here / "secret").write_bytes(bytes(16))
    monkeypatch.chdir(here)
    graph = onnx.load(place / "graph.onnx", load_external_data=False)
    more = graph.graph.initializer.add(name="more", data_type=onnx.TensorProto.FLOAT, dims=[4])
    more.data_location = onnx.TensorProto.EXTERNAL
    more.external_data.add(key="location", value="secret")
    with pytest.raises(ModelError, match=r"graph\.onnx does not fit .*'more' from a file other than"):
        load_onnx(place, "tiny", LABELS, graph=graph.SerializeToString())


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
    place = make(tmp_path / "tiny")
    assert (place / "graph.onnx").exists()
    make(place, **odd)
    assert told in caplog.text
    assert not (place / "graph.onnx").exists()
    assert set(json.loads((place / "card.json").read_text())["sha256"]) == {"model.safetensors"}


def test_labels_that_are_another_models(folder: Path) -> None:
    with pytest.raises(ModelError, match="4 scores for 3 labels"):
        load_onnx(folder, "tiny", LABELS[1:])


def test_a_missing_runtime_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DeviceError, match="pip install onnxruntime"):
        load_onnx(folder, "tiny", LABELS)


def test_eight_bits_are_off_by_half_a_step_at_most() -> None:
    matrix = np.random.default_rng(3).normal(size=(50, 7)).astype(np.float32)
    matrix[:, 4] = 0
    for levels in (127, 63):
        whole, scale = quantise(matrix, levels)
        assert np.abs(whole[:, :4]).max() == levels
        assert (np.abs(whole * scale - matrix) <= scale / 2 * 1.0001).all()


def test_a_scale_makes_no_matrix_of_a_row() -> None:
    """Of 400 kB of weights, numpy would make 160 GB."""
    row, scale = np.ones((1, 200_000), np.int8), np.ones(200_000, np.float32)
    with pytest.raises(ValueError, match=r"a scale of shape \(200000,\) for weights of shape \(1, 200000\)"):
        unscaled(row, scale)
    assert (unscaled(row, 2 * scale[:1]) == 2).all()


def test_weights_that_are_not_finite_are_told_in_one_line(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    weights = load_file(make(tmp_path / "tiny") / "model.safetensors")
    weights["hubert.feature_projection.projection.weight"][0] = np.inf
    save_file(weights, tmp_path / "tiny" / "model.safetensors", {"format": "pt"})
    write_card(tmp_path / "tiny", {})  # with checksums of the new weights
    recwarn.clear()
    with pytest.raises(ModelError, match="its scores are not finite numbers"):
        load_classifier(read_card(str(tmp_path / "tiny")), device="cpu")
    assert [str(warning.message) for warning in recwarn] == []


def test_weights_of_another_kind_are_told() -> None:
    with pytest.raises(KeyError, match="feature_projection"):
        arrange({}, {"feat_extract_norm": "group"}, quantised=True)


@pytest.mark.parametrize(
    ("machine", "flags", "levels"),
    [
        ("x86_64", "avx2 avx512f avx512_vnni", 127),
        ("x86_64", "avx2 avx_vnni", 127),
        ("x86_64", "avx2 avx512f", 63),
        ("i686", "avx2", 63),
        ("aarch64", "asimd", 127),
    ],
)
def test_processors_that_would_overflow_get_seven_bits(tmp_path: Path, machine: str, flags: str, levels: int) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags\t\t: fpu {flags}\n")
    assert quantisation_levels(machine, tmp_path / "cpuinfo") == levels
    assert quantisation_levels("x86_64", tmp_path / "none") == 63


class _RuntimeException(Exception):
    """As ONNX Runtime's are: of no class that others have."""


@pytest.mark.parametrize(
    "said", ["[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc", "Cannot allocate memory"]
)
def test_a_lack_of_memory_is_told_as_one_at_whatever_moment_it_comes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    classifier = load_onnx(folder, "tiny", LABELS)

    def scarce(*_: object, **__: object) -> None:
        raise _RuntimeException(said)

    monkeypatch.setattr(classifier, "_session", SimpleNamespace(run=scarce))
    with pytest.raises(MemoryError):
        classifier.score(np.zeros((1, 16_000), np.float32))
    monkeypatch.setattr("kwsd.networks.onnx_loading._session", scarce)
    with pytest.raises(MemoryError):
        load_onnx(folder, "tiny", LABELS)


def test_a_library_that_cannot_be_mapped_is_not_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mapper:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "onnxruntime":
                raise ImportError("libonnxruntime.so: failed to map segment from shared object")

    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Mapper(), *sys.meta_path])
    with pytest.raises(DeviceError, match=r"failed to map segment.*free some memory.*noexec"):
        load_onnx(folder, "tiny", LABELS)


@pytest.mark.parametrize("error", [MemoryError(), OSError(12, "Cannot allocate memory")])
def test_what_the_machine_lacks_is_not_the_models_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def scarce(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("kwsd.networks.onnx_loading._session", scarce)
    with pytest.raises(type(error)):
        load_onnx(folder, "tiny", LABELS)
    monkeypatch.setattr("onnxruntime.InferenceSession", scarce)
    with pytest.raises(type(error)):
        load_exported(Exported("a", LABELS, 16_000, 16_000), b"", "a.onnx")

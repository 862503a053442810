"""What ONNX Runtime computes, and what is told where it cannot."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from drawn_networks import LABELS, drawn_hubert
from safetensors.numpy import load_file, save_file

from kwsd.cards.card_writing import write_card
from kwsd.cards.exported import Exported
from kwsd.errors import DeviceError, ModelError
from kwsd.exporting.agreement import sounds
from kwsd.networks.onnx_loading import load_exported, load_onnx, quantisation_levels
from kwsd.networks.onnx_weights import arrange
from kwsd.zoo import load_classifier, read_card


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_hubert(tmp_path_factory.mktemp("models") / "tiny")


def test_a_windows_scores_are_its_own_whatever_else_is_in_the_batch(folder: Path) -> None:
    classifier, windows = load_onnx(folder, "tiny", LABELS), sounds(16_000, 5)
    together = classifier.score(windows)
    np.testing.assert_array_equal(together, np.concatenate([classifier.score(window[None]) for window in windows]))
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    assert classifier.score(windows[:0]).shape == (0, len(LABELS))


def test_a_graph_that_names_other_files_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, here = drawn_hubert(tmp_path / "tiny"), tmp_path / "here"
    here.mkdir()
    (here / "secret").write_bytes(bytes(16))
    monkeypatch.chdir(here)
    graph = onnx.load(place / "graph.onnx", load_external_data=False)
    more = graph.graph.initializer.add(name="more", data_type=onnx.TensorProto.FLOAT, dims=[4])
    more.data_location = onnx.TensorProto.EXTERNAL
    more.external_data.add(key="location", value="secret")
    with pytest.raises(ModelError, match=r"graph\.onnx does not fit .*'more' from a file other than"):
        load_onnx(place, "tiny", LABELS, graph=graph.SerializeToString())


def test_labels_that_are_another_models(folder: Path) -> None:
    with pytest.raises(ModelError, match="4 scores for 3 labels"):
        load_onnx(folder, "tiny", LABELS[1:])


def test_a_missing_runtime_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DeviceError, match="pip install onnxruntime"):
        load_onnx(folder, "tiny", LABELS)


def test_weights_that_are_not_finite_are_told_in_one_line(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    weights = load_file(drawn_hubert(tmp_path / "tiny") / "model.safetensors")
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

"""Exported files give the folder's scores, whatever the network hears; what cannot be put into a file is refused."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from kwsd.cards.exported import Exported, exported_of
from kwsd.cards.onnx_file import parse_onnx
from kwsd.errors import DeviceError, ModelError
from kwsd.exporting.agreement import sounds
from kwsd.exporting.onnx_files import as_files, check
from kwsd.exporting.tracing import rounded, traced
from kwsd.networks.onnx_classifier import OnnxClassifier
from kwsd.networks.onnx_loading import load_exported
from kwsd.zoo import load_classifier, read_card


def loaded(data: bytes) -> tuple[Exported, OnnxClassifier]:
    contract = exported_of(parse_onnx(data), "a.onnx")
    return contract, load_exported(contract, data, "a.onnx")


@pytest.mark.parametrize(
    "architecture", ["hubert", "hubert-layer", "wav2vec2", "wavlm", "multi-label", "ast", "whisper"]
)
def test_scores_are_the_folders(foreign: Callable[[str], Path], architecture: str) -> None:
    card = read_card(str(foreign(architecture)))
    files = as_files(card)
    original = load_classifier(card, device="cpu")
    heard = sounds(card.window, 5)
    expected = original.score(heard)
    contract, exact = loaded(files["float32"])
    np.testing.assert_allclose(exact.score(heard), expected, atol=1e-4)
    np.testing.assert_array_equal(exact.score(heard), [exact.score(window[None])[0] for window in heard])
    assert float(expected.std(axis=0).max()) > 5e-4  # the sounds are told apart: these are no constants
    assert (contract.labels, contract.window) == (card.labels, card.window)
    assert (contract.problem_type == "multi_label_classification") == (architecture == "multi-label")
    _, coarse = loaded(files["int8"])
    assert 0 < np.abs(coarse.score(heard) - expected).max() < 0.1
    assert b"MatMulInteger" in files["int8"]
    _check_rounded(files["int8"])
    if architecture in ("ast", "whisper"):  # transform and bank are not rounded
        weights = onnx.load_from_string(files["int8"]).graph.initializer
        assert sum(tensor.data_type == TensorProto.DOUBLE for tensor in weights) == 2


def _check_rounded(data: bytes) -> None:
    """Each column of a matrix has its own scale, and seven bits, as a sum of products of eight may overflow."""
    found = {tensor.name: tensor for tensor in onnx.load_from_string(data).graph.initializer}
    whole = {name: tensor for name, tensor in found.items() if name.endswith("_quantized")}
    for name, tensor in whole.items():
        assert np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max() <= 64
        assert found[f"{name.removesuffix('_quantized')}_scale"].dims == tensor.dims[-1:]
    assert whole


def test_a_window_of_ones_own(foreign: Callable[[str], Path]) -> None:
    card = replace(read_card(str(foreign("wav2vec2"))), window=24_000)
    files = as_files(card)
    contract, exact = loaded(files["float32"])
    assert contract.window == 24_000
    heard = sounds(24_000, 3)
    expected = load_classifier(card, device="cpu").score(heard)
    np.testing.assert_allclose(exact.score(heard), expected, atol=1e-4)


def test_a_window_of_no_whole_samples_at_the_models_rate(foreign: Callable[[str], Path]) -> None:
    card = replace(read_card(str(foreign("wav2vec2"))), rate=44_100, window=19_752)
    with pytest.raises(
        ModelError, match=r"at wav2vec2's 44100 Hz, 1\.2345 s are not .* set --window to a multiple of 0\.01 s"
    ):
        as_files(card)


def test_what_computes_something_else_is_refused(foreign: Callable[[str], Path]) -> None:
    card, other = (read_card(str(foreign(architecture))) for architecture in ("hubert", "wav2vec2"))
    with pytest.raises(ModelError, match="differ from the model's by"):
        check(card, as_files(other))


@pytest.mark.parametrize(("architecture", "window"), [("ast", 7_003), ("whisper", 32_000), ("whisper", 31_990)])
def test_windows_that_are_padded_and_that_fill_all(
    foreign: Callable[[str], Path], architecture: str, window: int
) -> None:
    card = replace(read_card(str(foreign(architecture))), window=window)
    assert check(card, as_files(card)).float32 < 1e-5


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("window", [160_000, 23_450])
def test_a_zero_shot_model_has_its_labels_inside(clap: Path, tmp_path: Path, fused: bool, window: int) -> None:
    """A fused one hears a sound twice: as a whole, and in parts."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    folder = shutil.copytree(clap, tmp_path / "mine")
    config = ClapConfig.from_pretrained(clap)
    config.audio_config.enable_fusion = fused
    torch.manual_seed(6)
    model = ClapModel(config)
    model.logit_scale_a.data += 3  # scores that tell the sounds apart
    model.save_pretrained(folder)
    ClapFeatureExtractor(truncation="fusion" if fused else "rand_trunc").save_pretrained(folder)
    labels = ("a dog barking", "glass breaking", "rain")
    card = replace(read_card(str(folder)), labels=labels, window=window)
    files = as_files(card)
    heard = sounds(window, 4)
    expected = load_classifier(card, device="cpu").score(heard)
    assert float(expected.std(axis=0).max()) > 0.01
    contract, exact = loaded(files["float32"])
    assert (contract.labels, contract.rate, contract.window) == (labels, 48_000, 3 * window)
    np.testing.assert_allclose(exact.score(heard), expected, atol=1e-4)
    _, coarse = loaded(files["int8"])
    assert 0 < np.abs(coarse.score(heard) - expected).max() < 0.2


def test_an_unknown_feature_extractor_is_refused(foreign: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers import SeamlessM4TFeatureExtractor

    folder = shutil.copytree(foreign("wav2vec2"), tmp_path / "mine")
    (folder / "preprocessor_config.json").unlink()
    SeamlessM4TFeatureExtractor().save_pretrained(folder)
    with pytest.raises(
        ModelError, match=r"cannot put its feature extractor SeamlessM4TFeatureExtractor into a file.* with --model"
    ):
        as_files(read_card(str(folder)))


def test_what_cannot_be_traced_is_told_in_a_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd(torch.nn.Module):
        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            return torch.fft.rfft(windows).abs()[:, :2]

    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    before = (logging.INFO, torch._C._jit_onnx_log)
    with pytest.raises(ModelError, match=r"^torch cannot export odd to ONNX \(.+\)") as told:
        traced(Odd(), 1_600, "odd", 2)
    assert "\n" not in str(told.value)
    assert capfd.readouterr() == ("", "")
    assert (logging.getLogger().level, torch._C._jit_onnx_log) == before  # what is logged later is told


def test_noise_at_random_is_refused(foreign: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(foreign("whisper"), tmp_path / "mine")
    told = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(told | {"dither": 0.001}))
    with pytest.raises(ModelError, match="adds noise"):
        as_files(read_card(str(folder)))


def test_a_full_temporary_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large network is written there first, and /tmp may be memory."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch.onnx, "export", full)
    with pytest.raises(DeviceError, match=r"no room for a copy of the network .*: free some space, or set TMPDIR"):
        traced(torch.nn.Identity(), 1_600, "large", 2)


def test_a_copy_that_was_cut_short_is_a_full_folder_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"\xff\xff\xff")

    monkeypatch.setattr("kwsd.exporting.tracing.quantize_dynamic", short)
    with pytest.raises(DeviceError, match="no room for a copy of the network"):
        rounded(onnx.ModelProto())

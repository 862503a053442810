"""The third network: what transformers computes, ONNX Runtime computes, from the spectrogram on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_networks import agreed, drawn
from safetensors.numpy import load_file
from transformers import AutoModelForAudioClassification, WhisperConfig, WhisperFeatureExtractor, WhisperModel

from kwsd.errors import ModelError
from kwsd.exporting.agreement import sounds
from kwsd.exporting.export import export_model
from kwsd.networks.torch_classifier import load_own
from kwsd.networks.whisper import LogMel, WhisperSpotterModel
from kwsd.zoo import load_classifier, read_card

SIZES: dict[str, Any] = {
    "d_model": 48, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 1200,
}  # fmt: skip


def network(**changes: Any) -> WhisperSpotterModel:
    """Small, with weights from a seed, none of them zero or one."""
    model: WhisperSpotterModel = drawn(WhisperSpotterModel, **{**SIZES, **changes})
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "third"
    export_model(network(), place, name="third", licence="Apache-2.0 AND MIT")
    return place


def test_its_spectrogram_is_that_of_whispers_own_extractor() -> None:
    make: Any = WhisperFeatureExtractor
    extractor = make(chunk_length=1)
    quiet = np.zeros((1, 16_000), np.float32)
    windows = np.concatenate([sounds(16_000, 6), quiet, np.eye(1, 16_000, 15_990, dtype=np.float32)])
    theirs = extractor(list(windows), sampling_rate=16_000, return_tensors="np").input_features
    assert np.allclose(LogMel(80)(torch.from_numpy(windows)).numpy(), theirs, atol=1e-4)


def test_its_frames_are_those_of_whispers_encoder() -> None:
    model = network()
    make: Any = WhisperModel
    small = {
        "decoder_layers": 1,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": 8,
        "vocab_size": 10,
        "pad_token_id": 0,
    }
    encoder = make(WhisperConfig(**SIZES, **small, max_source_positions=50)).encoder.eval()
    encoder.load_state_dict(model.encoder.state_dict())
    waveform = torch.from_numpy(sounds(16_000, 2))
    with torch.inference_mode():
        theirs = encoder(model.spectrogram(waveform)).last_hidden_state
        assert theirs.shape == (2, 50, 48)
        assert torch.allclose(model.frames(waveform), theirs, atol=1e-5)
        silence = torch.cat([waveform[:, :9_000], torch.zeros(2, 7_000)], dim=1)
        assert torch.equal(model.frames(waveform[:, :9_000]), model.frames(silence))  # as a pipeline gives it a clip


def test_what_is_heard_before_its_second_has_no_vectors_of_its_own() -> None:
    longer: dict[str, Any] = {"window_samples": 32_000, "about_samples": 16_000, "max_source_positions": 100}
    model, waveform = network(**longer), torch.from_numpy(sounds(32_000, 2))
    with torch.inference_mode():
        found = model.frames(waveform)
        assert torch.equal(found, model.encoder(model.spectrogram(waveform)).last_hidden_state[:, 50:])
        assert found.shape[1] == 50
        padded = torch.cat([torch.zeros(2, 16_000), waveform[:, :16_000]], dim=1)
        assert torch.equal(model.frames(waveform[:, :16_000]), model.frames(padded))  # as a pipeline gives it a clip


def test_onnx_runtime_scores_as_torch_does(folder: Path) -> None:
    found = agreed(folder)
    assert found.float32 < 1e-4
    assert found.int8 < 0.05


@pytest.mark.parametrize(("about", "heard"), [(None, 24_000), (16_000, 16_000)])
def test_one_that_hears_longer_scores_alike_on_both_engines(tmp_path: Path, about: int | None, heard: int) -> None:
    longer = network(window_samples=24_000, about_samples=about, max_source_positions=75)
    export_model(longer, tmp_path / "longer", name="longer", licence="CC0-1.0")
    assert agreed(tmp_path / "longer").float32 < 1e-4
    card = read_card(str(tmp_path / "longer"))
    assert (card.window, card.longest, card.about) == (24_000, 24_000, heard)


def test_transformers_and_kwsd_load_the_same_weights(folder: Path) -> None:
    load: Any = AutoModelForAudioClassification.from_pretrained
    windows = sounds(16_000, 4)
    with torch.inference_mode():
        theirs = load(folder).eval()(torch.from_numpy(windows)).logits.softmax(dim=-1).numpy()
    assert np.allclose(load_own(folder, "third", "cpu").score(windows), theirs, atol=1e-6)
    assert load_file(folder / "model.safetensors")["encoder.layers.0.fc1.weight"].dtype == np.int8
    card = read_card(str(folder))
    assert (card.kind, card.window, card.heard) == ("kwsd", 16_000, 16_000)
    assert np.allclose(load_classifier(card, device="cpu").score(windows), theirs, atol=0.05)


@pytest.mark.parametrize("change", [{"activation_function": "relu"}, {"scale_embedding": True}])
def test_other_activations_and_scales_have_no_drawing(tmp_path: Path, change: dict[str, Any]) -> None:
    export_model(network(**change), tmp_path / "other", name="other", licence="CC0-1.0")
    assert not (tmp_path / "other" / "graph.onnx").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [({"window_samples": 16_320}, "window_samples is 16320"), ({"num_mel_bins": 10**9}, "num_mel_bins is 1000000000")],
)
def test_sizes_that_do_not_fit(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        network(**change)


def test_a_window_of_another_length_is_told(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "third"))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"window_samples": 24_000}))
    with pytest.raises(ModelError):
        load_classifier(read_card(str(other)), device="cpu")

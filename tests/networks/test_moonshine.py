"""The larger network: what transformers computes, ONNX Runtime computes, and its weights fit into few bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_networks import agreed, drawn
from safetensors.numpy import load_file
from transformers import AutoConfig, AutoModelForAudioClassification, MoonshineConfig, MoonshineModel

from kwsd.errors import ModelError
from kwsd.exporting.agreement import sounds
from kwsd.exporting.export import export_model
from kwsd.networks.moonshine import LOUDEST, MoonshineSpotterModel, quieten
from kwsd.networks.onnx_loading import load_onnx
from kwsd.networks.onnx_weights import arrange
from kwsd.networks.quantization import compacted, expanded
from kwsd.networks.torch_classifier import load_own
from kwsd.zoo import load_classifier, read_card

SIZES: dict[str, Any] = {
    "hidden_size": 80, "intermediate_size": 640, "encoder_num_hidden_layers": 2, "encoder_num_attention_heads": 4,
    "encoder_num_key_value_heads": 4,
}  # fmt: skip


def network(**changes: Any) -> MoonshineSpotterModel:
    """Small, with weights from a seed, none of them zero or one."""
    model: MoonshineSpotterModel = drawn(MoonshineSpotterModel, **{**SIZES, **changes})
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "larger"
    export_model(network(), place, name="larger", licence="Apache-2.0 AND MIT")
    return place


def test_its_frames_are_those_of_moonshines_encoder() -> None:
    model = network()
    make: Any = MoonshineModel
    encoder = make(MoonshineConfig(**SIZES)).encoder
    encoder.load_state_dict(model.encoder.state_dict())
    waveform = torch.from_numpy(sounds(16_000, 2))
    with torch.inference_mode():
        theirs = encoder(quieten(waveform)).last_hidden_state
        assert torch.allclose(model.frames(waveform), theirs, atol=1e-5)


def test_what_is_heard_before_its_second_has_no_vectors_of_its_own() -> None:
    model, waveform = network(window_samples=32_000, about_samples=16_000), torch.from_numpy(sounds(32_000, 2))
    with torch.inference_mode():
        found = model.frames(waveform)
        theirs = model.encoder(quieten(waveform)).last_hidden_state
        assert found.shape[1] == 40
        assert torch.equal(found, theirs[:, -40:])
        assert not torch.allclose(found, model.frames(torch.cat([waveform[:, :1] * 0 + 0.3, waveform[:, 1:]], dim=1)))
        padded = torch.cat([torch.zeros(2, 16_000), waveform[:, :16_000]], dim=1)
        assert torch.equal(model.frames(waveform[:, :16_000]), model.frames(padded))  # as a pipeline gives it a clip


def test_one_that_hears_two_seconds_scores_alike_on_both_engines(tmp_path: Path) -> None:
    export_model(network(window_samples=32_000, about_samples=16_000), tmp_path / "two", name="two", licence="CC0-1.0")
    found = agreed(tmp_path / "two")
    assert found.float32 < 1e-4
    assert found.int8 < 0.05
    card = read_card(str(tmp_path / "two"))
    assert (card.window, card.heard, card.about) == (32_000, 32_000, 16_000)


def test_loud_sound_is_made_quieter_and_soft_sound_stays() -> None:
    loud, soft = torch.full((1, 10), -0.9), torch.full((1, 10), 0.1)
    assert float(quieten(loud).min()) == -LOUDEST
    assert torch.equal(quieten(soft), soft)


def test_onnx_runtime_scores_as_torch_does(folder: Path) -> None:
    found = agreed(folder)
    assert found.float32 < 1e-4
    assert found.int8 < 0.05


def test_large_weights_lie_in_eight_bits_and_come_back_to_half_a_step(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    name = "encoder.layers.0.mlp.fc1.weight"
    assert stored[name].dtype == np.int8
    assert stored["encoder.layers.0.mlp.fc1.bias"].dtype == np.float16
    original = {key: values.detach().numpy() for key, values in network().state_dict().items()}
    steps = stored[name + ".scale"][:, None]
    assert (np.abs(expanded(stored)[name] - original[name]) <= 0.6 * steps).all()
    assert set(expanded(compacted(original))) == set(original)


def test_transformers_and_kwsd_load_the_same_weights(folder: Path) -> None:
    load: Any = AutoModelForAudioClassification.from_pretrained
    windows = sounds(16_000, 4)
    with torch.inference_mode():
        theirs = load(folder).eval()(torch.from_numpy(windows)).logits.softmax(dim=-1).numpy()
    assert np.allclose(load_own(folder, "larger", "cpu").score(windows), theirs, atol=1e-6)
    card = read_card(str(folder))
    assert card.kind == "kwsd"
    assert np.allclose(load_classifier(card, device="cpu").score(windows), theirs, atol=0.05)


def test_a_config_that_is_given_counts_though_weights_lie_in_eight_bits(folder: Path) -> None:
    config = AutoConfig.from_pretrained(folder, head_dropout=0.25)
    model = AutoModelForAudioClassification.from_pretrained(folder, config=config)
    assert model.word_head.dropout.p == 0.25


def test_labels_that_are_another_models(folder: Path) -> None:
    with pytest.raises(ModelError, match="labels"):
        load_onnx(folder, "larger", ("yes", "_silence_"))


def test_other_activations_have_no_drawing(tmp_path: Path) -> None:
    export_model(network(encoder_hidden_act="relu"), tmp_path / "other", name="other", licence="CC0-1.0")
    assert not (tmp_path / "other" / "graph.onnx").exists()


def test_weights_of_another_kind_are_told() -> None:
    with pytest.raises(KeyError):
        arrange({}, {"model_type": "kwsd-moonshine"}, quantised=True)

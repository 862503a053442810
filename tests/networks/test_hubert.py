"""The network is a transformers model like any other, and its logits are probabilities."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForAudioClassification, pipeline

from kwsd.exporting.export import export_model
from kwsd.networks.heads import Adapter, Head, label_names
from kwsd.networks.hubert import HubertSpotterConfig, HubertSpotterModel
from kwsd.networks.logit_adjustment import offsets_of

LABELS = ("yes", "no", "_unknown_", "_silence_")


def tiny(labels: tuple[str, ...] = LABELS) -> HubertSpotterModel:
    """A network of a few thousand weights, drawn from a seed."""
    torch.manual_seed(3)
    config = HubertSpotterConfig(
        hidden_size=32, intermediate_size=64, num_attention_heads=4, num_hidden_layers=2,
        conv_dim=(16, 16, 32), conv_kernel=(127, 7, 3), conv_stride=(64, 3, 4), conv_bias=True,
        feat_proj_layer_norm=False, do_stable_layer_norm=True, num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4, adapter_size=8, head_size=16, layerdrop=0.0, hidden_dropout=0.0,
        attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.0, mask_time_prob=0.0,
        id2label=dict(enumerate(labels)), label2id={label: index for index, label in enumerate(labels)},
    )  # fmt: skip
    return HubertSpotterModel(config).train(False)


def sounds(batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 16_000, generator=torch.Generator().manual_seed(1)) * 0.1


def test_logits_are_logarithms_of_probabilities_that_sum_to_one() -> None:
    logits = tiny()(sounds()).logits
    assert logits.shape == (3, len(LABELS))
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(3))
    torch.testing.assert_close(logits.softmax(dim=1), logits.exp())


def test_silence_is_what_the_noise_head_leaves() -> None:
    model = tiny()
    with torch.no_grad():
        model.noise_head.outer.weight.zero_()
        model.noise_head.outer.bias.fill_(-20.0)
        scores = model(sounds()).logits.exp()
    assert (scores[:, LABELS.index("_silence_")] > 0.999).all()


def test_the_loss_is_the_cross_entropy_of_the_labels() -> None:
    output = tiny()(sounds(), labels=torch.tensor([0, 1, 3]))
    expected = torch.nn.functional.cross_entropy(output.logits, torch.tensor([0, 1, 3]))
    torch.testing.assert_close(output.loss, expected)


def test_the_adapter_keeps_the_shape_and_adds() -> None:
    adapter = Adapter(32, 8, dropout=0.0)
    hidden = torch.randn(2, 5, 32)
    with torch.no_grad():
        adapter.up.weight.zero_()
        adapter.up.bias.zero_()
    torch.testing.assert_close(adapter(hidden), hidden)


def test_what_is_dropped_in_training_is_what_the_inner_layers_give() -> None:
    adapter, head, hidden = Adapter(32, 8, dropout=1.0), Head(32, 16, 3, dropout=1.0), torch.randn(2, 5, 32)
    torch.testing.assert_close(adapter(hidden), hidden + adapter.up.bias)
    torch.testing.assert_close(head(hidden), head.outer.bias.expand(2, 5, 3))
    assert not torch.allclose(adapter.train(False)(hidden), hidden + adapter.up.bias)
    assert not torch.allclose(head.train(False)(hidden), head.outer.bias.expand(2, 5, 3))


def test_loudness_has_no_effect() -> None:
    model, window = tiny(), sounds(1)
    torch.testing.assert_close(model(window).logits, model(window * 0.25).logits, atol=2e-3, rtol=0)


def test_the_last_label_must_be_silence() -> None:
    with pytest.raises(ValueError, match="_silence_"):
        tiny(("yes", "_silence_", "no"))


def test_a_saved_model_loads_through_the_auto_classes_and_scores_the_same(tmp_path: Path) -> None:
    model = tiny()
    export_model(model, tmp_path / "tiny", name="tiny", licence="Apache-2.0")
    loaded = AutoModelForAudioClassification.from_pretrained(tmp_path / "tiny")
    assert isinstance(loaded, HubertSpotterModel)
    assert loaded.dtype == torch.float32
    assert label_names(loaded.config) == LABELS
    assert AutoConfig.from_pretrained(tmp_path / "tiny").model_type == "kwsd-hubert"
    torch.testing.assert_close(loaded(sounds()).logits, model(sounds()).logits, atol=5e-3, rtol=0)


@pytest.mark.parametrize(("label", "offset"), [("_unknown_", -2.0), ("no", 1.5)])
def test_an_offset_makes_a_label_more_likely_or_less(tmp_path: Path, label: str, offset: float) -> None:
    export_model(tiny(), tmp_path / "tiny", name="tiny", licence="Apache-2.0", offsets={label: offset})
    shifted = AutoModelForAudioClassification.from_pretrained(tmp_path / "tiny")
    before, after = tiny()(sounds()).logits, shifted(sounds()).logits
    column = LABELS.index(label)
    odds = (after[:, column] - after[:, 0]) - (before[:, column] - before[:, 0])
    torch.testing.assert_close(odds, torch.full((3,), offset), atol=0.02, rtol=0)
    assert offsets_of(shifted.config) == {"_unknown_": 0.0} | {label: offset}


def test_the_pipeline_gives_the_networks_own_scores(tmp_path: Path) -> None:
    export_model(tiny(), tmp_path / "tiny", name="tiny", licence="Apache-2.0")
    loaded = AutoModelForAudioClassification.from_pretrained(tmp_path / "tiny")
    window = sounds(1)
    told = pipeline("audio-classification", model=str(tmp_path / "tiny"))(window[0].numpy(), top_k=4)
    expected = dict(zip(LABELS, loaded(window).logits.exp()[0].tolist(), strict=True))
    assert {entry["label"]: pytest.approx(entry["score"], abs=1e-4) for entry in told} == expected


@pytest.mark.parametrize(
    "imports",
    [
        "import kwsd; assert not {'transformers', 'torch'} & set(sys.modules)",
        "import transformers, kwsd.networks.heads",
        "import kwsd; from transformers import MoonshineConfig",  # whose module imports the Auto classes half-way
    ],
)
def test_importing_kwsd_registers_whoever_comes_first(imports: str) -> None:
    program = (
        f"import sys; {imports}\nfrom transformers import AutoConfig, AutoModelForAudioClassification as Auto\n"
        "for kind in ('hubert', 'moonshine', 'backbone'):\n"
        "    print(Auto._model_mapping[type(AutoConfig.for_model(f'kwsd-{kind}'))].__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    models = ["HubertSpotterModel", "MoonshineSpotterModel", "BackboneForAudioClassification"]
    assert done.stdout.split() == models, done.stderr


def test_a_batch_scores_as_its_windows_do() -> None:
    model, windows = tiny(), sounds(4)
    alone = torch.cat([model(window.unsqueeze(0)).logits for window in windows])
    np.testing.assert_allclose(model(windows).logits.detach(), alone.detach(), atol=1e-4)

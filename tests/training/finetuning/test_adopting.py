"""Which encoders can be taught, and what becomes of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from foreign_folders import change

from kwsd.errors import ModelError, UsageError
from kwsd.training.finetuning.adopting import adopt, export_adopted, keep_notices
from kwsd.training.finetuning.recipe import FinetuneRecipe
from kwsd.zoo import read_card

Foreign = Callable[[str], Path]
LABELS = ("high", "low", "_silence_")
RECIPE = FinetuneRecipe("ours", "tiny")


def test_a_head_for_as_many_other_labels_is_forgotten(foreign: Foreign) -> None:
    """Its first output told "yes" from the rest, and would be called "high" now."""
    from safetensors.numpy import load_file

    earlier = load_file(foreign("hubert") / "model.safetensors")
    model, _ = adopt(foreign("hubert"), RECIPE, ("a", "b", "c", "d", "e", "f", "_silence_"), "cpu")
    weights = model.state_dict()
    assert weights["classifier.weight"].shape == earlier["classifier.weight"].shape
    assert abs(weights["classifier.weight"].numpy()).max() < 0.2 < abs(earlier["classifier.weight"]).max()
    assert not weights["classifier.bias"].any()
    kept = "hubert.encoder.layer_norm.weight"
    assert (weights[kept].numpy() == earlier[kept]).all()


def test_a_new_head_gives_one_label_whatever_the_earlier_one_gave(foreign: Foreign, tmp_path: Path) -> None:
    """Scores of several labels at once would be sigmoids, which do not sum to one."""
    tagger = Path(shutil.copytree(foreign("hubert"), tmp_path / "tagger"))
    change(tagger / "config.json", problem_type="multi_label_classification", output_attentions=True)
    model, _ = adopt(tagger, RECIPE, LABELS, "cpu")
    assert model.config.problem_type is None
    assert model.config.window_samples == 16_000
    assert not model.config.output_attentions


@pytest.mark.parametrize("frozen", [False, True])
def test_a_new_head_depends_on_the_seed_alone(foreign: Foreign, frozen: bool) -> None:
    heads = []
    for seed in (1, 1, 2):
        model, _ = adopt(foreign("hubert"), replace(RECIPE, seed=seed, frozen=frozen), LABELS, "cpu")
        assert model.training
        told = model.state_dict()
        heads.append([told[name] for name in told if "encoder" not in name and told[name].std() > 0])
    assert all(map(torch.equal, heads[0], heads[1]))
    assert not any(map(torch.equal, heads[0][-1:], heads[2][-1:]))


def test_a_frozen_encoder_remembers_how_much_it_hears(foreign: Foreign, tmp_path: Path) -> None:
    recipe = replace(RECIPE, frozen=True, window_s=0.5)
    model, extractor = adopt(foreign("ast"), recipe, LABELS, "cpu")
    export_adopted(model, extractor, tmp_path / "mine", name="mine", licence="MIT", scores={})
    card = read_card(str(tmp_path / "mine"))
    assert (card.window, card.longest) == (8_000, read_card(str(foreign("ast"))).longest)


def test_a_window_may_be_as_long_as_the_encoder_can_hear(foreign: Foreign) -> None:
    longest = read_card(str(foreign("ast"))).longest
    assert longest is not None
    adopt(foreign("ast"), replace(RECIPE, window_s=longest / 16_000), LABELS, "cpu")
    with pytest.raises(UsageError, match="at once"):
        adopt(foreign("ast"), replace(RECIPE, window_s=(longest + 1) / 16_000), LABELS, "cpu")


def test_no_layer_of_a_weighted_sum_is_dropped(foreign: Foreign, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(foreign("weighted"), tmp_path / "mine"))
    change(mine / "config.json", layerdrop=1.0)
    model, extractor = adopt(mine, RECIPE, LABELS, "cpu")
    assert model.training
    assert model(**extractor(np.ones((2, 16_000), np.float32))).logits.shape == (2, 3)


def test_no_layer_of_a_whispers_weighted_sum_is_dropped(foreign: Foreign, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(foreign("whisper"), tmp_path / "mine"))
    change(mine / "config.json", use_weighted_layer_sum=True, encoder_layerdrop=1.0)
    model, extractor = adopt(mine, RECIPE, LABELS, "cpu")
    assert model.training
    told = model(**extractor(np.ones((2, 16_000), np.float32)))
    assert len(told.hidden_states) == model.config.encoder_layers + 1


@pytest.mark.parametrize(("frames", "masked"), [(9, False), (10, False), (11, False), (12, True)])
def test_no_more_is_masked_than_a_window_holds(foreign: Foreign, tmp_path: Path, frames: int, masked: bool) -> None:
    """transformers hides spans of frames in training, ten by default, and fails where they are longer than all."""
    mine = Path(shutil.copytree(foreign("hubert"), tmp_path / "mine"))
    config = json.loads((mine / "config.json").read_text())
    stride = int(np.prod(config["conv_stride"]))
    change(mine / "config.json", apply_spec_augment=True, mask_time_length=10, mask_time_prob=0.5)
    model, extractor = adopt(mine, replace(RECIPE, window_s=frames * stride / 16_000), LABELS, "cpu")
    assert model.config.apply_spec_augment == masked
    model(**extractor(np.ones((2, frames * stride), np.float32)), labels=torch.tensor([0, 1])).loss.backward()


def test_a_frozen_encoder_is_the_one_in_the_folder(foreign: Foreign) -> None:
    from safetensors.numpy import load_file

    model, _ = adopt(foreign("hubert"), replace(RECIPE, frozen=True), LABELS, "cpu")
    name = "encoder.layers.0.attention.q_proj.weight"
    given = load_file(foreign("hubert") / "model.safetensors")[f"hubert.{name}"]
    assert np.array_equal(model.encoder.state_dict()[name].numpy(), given)
    assert not any(weights.requires_grad for weights in model.encoder.parameters())


@pytest.mark.parametrize("frozen", [False, True])
def test_an_encoder_under_our_own_head_learns_unless_it_is_frozen(foreign: Foreign, frozen: bool) -> None:
    model, _ = adopt(foreign("moonshine"), replace(RECIPE, frozen=frozen), LABELS, "cpu")
    assert {weights.requires_grad for weights in model.encoder.parameters()} == {not frozen}


def test_any_encoder_without_a_classifier_in_transformers_gets_ours(tmp_path: Path) -> None:
    from transformers import ParakeetEncoder, ParakeetEncoderConfig, SeamlessM4TFeatureExtractor

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    config = ParakeetEncoderConfig(**sizes, subsampling_conv_channels=8, num_mel_bins=160)
    ParakeetEncoder(config).save_pretrained(tmp_path)
    SeamlessM4TFeatureExtractor().save_pretrained(tmp_path)
    model, extractor = adopt(tmp_path, RECIPE, LABELS, "cpu")
    given = extractor(np.random.default_rng(1).normal(0, 0.1, (2, RECIPE.window)).astype(np.float32))
    model(**given, labels=torch.tensor([0, 1])).loss.backward()
    assert any(weights.grad is not None and weights.grad.any() for weights in model.encoder.parameters())


def test_an_encoder_with_an_adapter_can_be_taught_only_frozen(foreign: Foreign) -> None:
    """Many a w2v-BERT that was trained to write down speech has one."""
    with pytest.raises(ModelError, match=r"tiny has an adapter \(add_adapter\), .*; use --frozen"):
        adopt(foreign("adapter"), RECIPE, LABELS, "cpu")
    model, _ = adopt(foreign("adapter"), replace(RECIPE, frozen=True), LABELS, "cpu")
    assert model.encoder.adapter is not None


@pytest.mark.parametrize("frozen", [False, True])
def test_an_encoder_that_keeps_its_rotary_positions_can_be_taught(foreign: Foreign, frozen: bool) -> None:
    model, extractor = adopt(foreign("rotary"), replace(RECIPE, frozen=frozen), LABELS, "cpu")
    given = extractor(np.ones((2, RECIPE.window), np.float32))
    model(**given, labels=torch.tensor([0, 1])).loss.backward()
    assert all(weights.grad.any() for weights in (model.head if frozen else model.classifier).parameters())


def test_only_licences_of_the_encoder_are_kept(tmp_path: Path) -> None:
    """In the Hub's cache they are links to blobs; other links, and pipes, may be a stranger's trap."""
    encoder = tmp_path / "models--some--encoder" / "snapshots" / "1234"
    encoder.mkdir(parents=True)
    (blob := encoder.parent.parent / "blobs" / "abcd").parent.mkdir()
    blob.write_text("MIT")
    (encoder / "LICENSE").symlink_to("../../blobs/abcd")
    (encoder / "LICENSE-2").write_text("CC0")
    (tmp_path / "secret").write_text("mine alone")
    (encoder / "LICENSE-3").symlink_to(tmp_path / "secret")
    os.mkfifo(encoder / "LICENSE-4")
    (kept := tmp_path / "kept").mkdir()
    keep_notices(encoder, kept)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"LICENSE": "MIT", "LICENSE-2": "CC0"}

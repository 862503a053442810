"""kwsd's own HuBERT learns words of somebody's own: what it knows stays, and it ends as it came."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kwsd.cards.card_writing import write_card
from kwsd.errors import ModelError
from kwsd.evaluation.output_files import save_wav
from kwsd.networks.logit_adjustment import offsets_of
from kwsd.networks.torch_classifier import load_network
from kwsd.training.finetuning.adopting import adopt, export_adopted, is_own, keep_notices
from kwsd.training.finetuning.finetune import Finetuning
from kwsd.training.finetuning.labelled import Labelled, find_labelled
from kwsd.training.finetuning.recipe import FEW_STEPS, FinetuneRecipe
from kwsd.training.finetuning.relabelling import relabelled
from kwsd.zoo import find_model, load_classifier, read_card

RECIPE = FinetuneRecipe("ours", "small", frozen=True, epochs=30, batch=4)
LABELS = ("low", "no", "_unknown_", "_silence_")
WINDOWS = np.random.default_rng(3).normal(0, 0.1, (3, 16_000)).astype(np.float32)


@pytest.fixture(scope="module")
def own(verified: Callable[..., Path]) -> Path:
    """A tiny HuBERT of kwsd's own that knows yes and no, and whose `_unknown_` was made less likely, "no" likelier."""
    folder = verified(thresholds={}, verified_at={}) / "small"
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"unknown_offset": 2.0, "word_offsets": {"no": 0.5}}))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Labelled:
    """Two tones, one of them under a name that the network knows, with neither noise nor other words."""
    time = np.arange(16_000) / 16_000
    for label, pitch in (("low", 300), ("no", 3000)):
        for number in range(8):
            wave = 9000 * np.sin(2 * np.pi * (pitch + 20 * number) * time) * (abs(time - 0.5) < 0.3)
            save_wav(tmp_path / "tones" / label / f"{number}.wav", wave.astype(np.int16))
    (tmp_path / "tones" / "validation_list.txt").write_text("low/6.wav\nlow/7.wav\nno/6.wav\nno/7.wav\n")
    return find_labelled(tmp_path / "tones").completed()


def test_a_label_that_it_knows_keeps_its_node_and_a_new_one_is_as_unknown_as_it_was(own: Path) -> None:
    before, after = load_network(own), relabelled(own, LABELS, 16_000)
    assert after.config.id2label == dict(enumerate(LABELS))
    assert set(offsets_of(after.config).values()) == {0.0}
    windows = torch.from_numpy(WINDOWS)
    with torch.inference_mode():
        old, new = (network.eval()(windows).logits for network in (before, after))
    odds = old[:, 2] + 2.0 - (old[:, 1] - 0.5)  # of _unknown_ against no, as they were before their export
    for column in (0, 2):
        torch.testing.assert_close(new[:, column] - new[:, 1], odds)
    torch.testing.assert_close(new[:, 3], old[:, 3])  # what is noise, it knows


def test_a_word_in_another_case_is_the_one_that_it_knows(own: Path) -> None:
    before, after = load_network(own).word_head.outer, relabelled(own, ("No", *LABELS[2:]), 16_000).word_head.outer
    torch.testing.assert_close(after.weight[0], before.weight[1])


def test_the_labels_are_completed_at_their_end(data: Labelled) -> None:
    assert data.labels == LABELS
    assert data.completed() == data


def test_it_learns_and_ends_as_a_model_of_kwsds_own(data: Labelled, tmp_path: Path) -> None:
    own = find_model("hubert-commands")
    assert is_own(own)
    model, extractor = adopt(own, RECIPE, data.labels, "cpu")
    (tmp_path / "run").mkdir()
    run = Finetuning(RECIPE, model, extractor, data, tmp_path / "run", "cpu")
    before = {name: weights.clone() for name, weights in model.named_parameters()}
    run.train(lambda _: None)
    assert run.best == 1.0
    changed = {name for name, weights in model.named_parameters() if not torch.equal(weights, before[name])}
    assert {name.split(".")[0] for name in changed} == {"adapter", "pooling", "word_head", "noise_head"}
    export_adopted(model, extractor, tmp_path / "ours", name="ours", licence="CC0-1.0", scores={})
    keep_notices(own, tmp_path / "ours")
    assert "MIT" in (tmp_path / "ours" / "LICENSE-moonshine.txt").read_text()
    card = read_card(str(tmp_path / "ours"))
    assert (card.kind, card.labels, card.words, card.verifier) == ("kwsd", LABELS, ("low", "no"), None)
    assert (card.name, card.thresholds) == ("ours", {"low": 0.99, "no": 0.99})
    write_card(tmp_path / "ours", {"thresholds": {"low": 0.5}})
    export_adopted(model, extractor, tmp_path / "ours", name="ours", licence="CC0-1.0", scores={})
    assert read_card(str(tmp_path / "ours")).thresholds["low"] == 0.5  # the weights are the same
    classifier = load_classifier(card, device="cpu")
    assert type(classifier).__name__ == "OnnxClassifier"
    tone = (0.2 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)).astype(np.float32)
    tone *= abs(np.arange(16_000) / 16_000 - 0.5) < 0.3
    assert LABELS[int(classifier.score(tone[None])[0].argmax())] == "low"


def test_damaged_weights_are_not_taught(own: Path, data: Labelled, tmp_path: Path) -> None:
    write_card(shutil.copytree(own, tmp_path / "damaged"), {})
    weights = tmp_path / "damaged" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # still a file that safetensors reads
    with pytest.raises(ModelError, match="is damaged"):
        adopt(tmp_path / "damaged", RECIPE, data.labels, "cpu")


def test_it_hears_windows_of_another_length(own: Path, tmp_path: Path) -> None:
    network = relabelled(own, LABELS, 24_000)
    export_adopted(network, None, tmp_path / "ours", name="ours", licence="CC0-1.0", scores={})
    card = read_card(str(tmp_path / "ours"))
    assert card.window == 24_000
    scores = load_classifier(card, device="cpu").score(np.zeros((1, 24_000), np.float32))
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_few_clips_are_heard_more_often() -> None:
    assert FinetuneRecipe("a", "b").passes(1000) == 5
    assert FinetuneRecipe("a", "b").passes(9) * 9 >= FEW_STEPS
    assert FinetuneRecipe("a", "b", epochs=2).passes(9) == 2

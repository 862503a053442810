"""Words are added to those that kwsd's own HuBERT knows: these stay as they are, and what verifies them goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from json_files import change

from kwsd.audio.decoding.files import read_clip
from kwsd.cards.card_writing import read_raw_card, write_card
from kwsd.evaluation.output_files import save_wav
from kwsd.networks.auto_classifier import FeatureExtractor
from kwsd.networks.heads import label_names
from kwsd.networks.logit_adjustment import offsets_of, record
from kwsd.networks.torch_classifier import load_network
from kwsd.training.finetuning.adopting import ADDED_THRESHOLD, adopt, export_adopted
from kwsd.training.finetuning.finetune import Finetuning
from kwsd.training.finetuning.labelled import Labelled, find_labelled
from kwsd.training.finetuning.recipe import FinetuneRecipe
from kwsd.training.finetuning.relabelling import Extended, extended, settled
from kwsd.zoo import find_model, load_classifier, read_card

RECORDINGS = Path(__file__).parents[2] / "recordings"
RECIPE = FinetuneRecipe("ours", "hubert-commands", add=True, frozen=True, epochs=30, batch=4)
WINDOWS = np.random.default_rng(3).normal(0, 0.1, (3, 16_000)).astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """A tone as a new word, another one as a word that it knows, a third that is none, and talk."""
    folder = tmp_path_factory.mktemp("tones")
    time = np.arange(16_000) / 16_000
    for label, pitch in (("beep", 300), ("Stop", 1500), ("_unknown_", 3000)):
        for number in range(8):
            wave = 9000 * np.sin(2 * np.pi * (pitch + 20 * number) * time) * (abs(time - 0.5) < 0.3)
            save_wav(folder / label / f"{number}.wav", wave.astype(np.int16))
    save_wav(folder / "_unknown_" / "talk.wav", read_clip(RECORDINGS / "sentence.flac"))
    return find_labelled(folder)


def test_words_that_it_knows_are_those_by_its_spelling(data: Labelled) -> None:
    found = data.beside(("stop", "yes", "_unknown_", "_silence_"))
    assert found.labels == ("beep", "stop", "yes", "_unknown_", "_silence_")
    assert {clip.label for clip in found.clips} == {"beep", "stop", "_unknown_"}


def test_what_it_knows_stays_and_a_new_word_begins_as_unknown(verified: Callable[..., Path]) -> None:
    own = verified(thresholds={}, verified_at={}) / "small"
    labels = ("beep", "no", "yes", "_unknown_", "_silence_")
    before, after = load_network(own), extended(own, labels)
    record(after.config, {"_unknown_": -2.0, "yes": 1.0})
    windows = torch.from_numpy(WINDOWS)
    with torch.inference_mode():
        old, new = (network.eval()(windows).logits for network in (before, after))
        order = [labels.index(label) for label in label_names(before.config)]
        torch.testing.assert_close(new[:, order[0]] - new[:, order[2]], old[:, 0] - old[:, 2])
        torch.testing.assert_close(new[:, 0], new[:, 3])
        torch.testing.assert_close(new[:, 4], old[:, -1])
        plain, offsets = settled(after)
        assert offsets == {"_unknown_": -2.0, "yes": 1.0}
        raised = new.clone()
        raised[:, 3] += 2.0
        raised[:, 2] -= 1.0
        torch.testing.assert_close(plain(windows).logits.softmax(-1)[:, :4], _spoken(raised, new))
        assert settled(plain) == (plain, {})


def test_a_new_node_is_that_of_unknown_and_nothing_else_changes() -> None:
    head = torch.nn.Linear(5, 3)
    outer = Extended(head, ("no", "yes", "_unknown_"), ("beep", "no", "yes", "_unknown_"))
    hidden = torch.randn(4, 5)
    torch.testing.assert_close(outer(hidden), head(hidden)[:, [2, 0, 1, 2]])
    torch.testing.assert_close(outer.joined()(hidden), outer(hidden))


def test_offsets_that_cannot_be_taken_off_are_told_before_training(verified: Callable[..., Path]) -> None:
    own = verified(thresholds={}, verified_at={}) / "small"
    change(own / "config.json", word_offsets={"maybe": 1.0})
    with pytest.raises(ValueError, match="its word_offsets name 'maybe'"):
        extended(own, ("beep", "no", "yes", "_unknown_", "_silence_"))


def _spoken(raised: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """The words' probabilities from logits with other offsets, while what is noise is noise."""
    return raised[:, :4].softmax(-1) * (1 - new[:, 4:].exp())


def test_only_what_is_new_learns_and_all_of_it_is_heard(data: Labelled, tmp_path: Path) -> None:
    own = find_model("hubert-commands")
    shipped = read_card("hubert-commands")
    found = data.beside(shipped.labels)
    model, extractor = adopt(own, RECIPE, found.labels, "cpu")
    (tmp_path / "run").mkdir()
    run = Finetuning(RECIPE, model, extractor, found, tmp_path / "run", "cpu")
    before = {name: weights.clone() for name, weights in model.named_parameters()}
    run.train(lambda _: None)
    changed = {name for name, weights in model.named_parameters() if not torch.equal(weights, before[name])}
    assert changed == {"word_head.outer.new.weight", "word_head.outer.new.bias"}
    place = tmp_path / "ours"
    export_adopted(model, extractor, place, name="ours", licence="X", scores={}, added_to=read_raw_card(own))
    card = read_card(str(place))
    assert set(card.words) == {*shipped.words, "beep"}
    assert card.verifier is not None
    assert shipped.verifier is not None
    assert card.verifier == replace(
        shipped.verifier, thresholds={**shipped.verifier.thresholds, "beep": ADDED_THRESHOLD}
    )
    assert card.thresholds == {**shipped.thresholds, "beep": ADDED_THRESHOLD}
    assert (card.substitution, card.latest_ms) == (shipped.substitution, shipped.latest_ms)
    assert card.second_chance == shipped.second_chance
    assert offsets_of(load_network(place).config) == offsets_of(load_network(own).config)
    _check_heard(place)
    write_card(place, {"thresholds": {"beep": 0.5}})
    export_adopted(model, extractor, place, name="ours", licence="X", scores={}, added_to=read_raw_card(own))
    assert read_card(str(place)).thresholds["beep"] == 0.5  # the weights are the same


def _check_heard(place: Path) -> None:
    """By ONNX Runtime and with the verifier: what was known as before, but for what the new word may be, and that."""
    pair, shipped = load_classifier(read_card(str(place)), device="cpu"), load_classifier(read_card("hubert-commands"))
    audio = read_clip(RECORDINGS / "commands.flac").astype(np.float32) / 32_768
    windows = np.stack([audio[end - 32_000 : end] for end in range(32_000, len(audio), 4_000)])
    theirs = shipped.score(windows)
    ours = pair.score(windows)[:, [pair.labels.index(label) for label in shipped.labels]]
    heard = (theirs[:, :-2].max(axis=1) > 0.5) & (ours.sum(axis=1) > 0.9)
    assert heard.sum() > 10
    np.testing.assert_allclose((ours / ours.sum(axis=1, keepdims=True))[heard], theirs[heard], atol=2e-3)
    tone = 0.27 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000) * (abs(np.arange(16_000) / 16_000 - 0.5) < 0.3)
    beep = np.concatenate([np.zeros(16_000), tone]).astype(np.float32)
    assert pair.labels[int(pair.score(beep[None])[0].argmax())] == "beep"


@pytest.mark.parametrize("told", [{"thresholds": {"yes": 0.7}}, {}])
def test_known_words_without_a_threshold_get_none_of_a_new_one(
    verified: Callable[..., Path], tmp_path: Path, told: dict[str, dict[str, float]]
) -> None:
    own = verified(thresholds={"yes": 0.5}, verified_at={}) / "small"
    verifier = {"model": "larger", "asked_from": 0.0, "weight": 0.5, **told}
    settings = {"smoothing": 3, "substitution": 0.25, "latest_ms": 450}
    write_card(own, {"verifier": verifier, **settings})
    model = extended(own, ("beep", "no", "yes", "_unknown_", "_silence_"))
    card = read_raw_card(own)
    export_adopted(model, FeatureExtractor(own, "cpu"), tmp_path, name="o", licence="X", scores={}, added_to=card)
    found = read_raw_card(tmp_path)
    assert found["thresholds"] == {"yes": 0.5, "beep": ADDED_THRESHOLD}
    assert {key: found[key] for key in settings} == settings
    assert found["verifier"]["thresholds"] == {**told.get("thresholds", {}), "beep": ADDED_THRESHOLD}

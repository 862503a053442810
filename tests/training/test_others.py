"""Words that are none of the recipe's have a share of their own, and what is taken for a word comes more often."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.errors import ConfigError
from kwsd.labels import UNKNOWN
from kwsd.training.augmentation.sounds import Floats
from kwsd.training.batches import NONE, OTHERS, Mixer
from kwsd.training.judging import mine
from kwsd.training.prepare import prepare
from kwsd.training.recipe import Recipe
from kwsd.training.recipe_file import read_recipe

COUNT = 200


def quiet(what: str, done: int, total: int) -> None:
    """Nobody is watching."""


def with_others(recipe: Recipe, share: float) -> Recipe:
    mix = replace(recipe.mix, words=recipe.mix.words - share, others=share)
    return replace(recipe, mix=mix, data=replace(recipe.data, synthetic=("others",)))


@pytest.fixture
def root(recordings: Path) -> Path:
    """The recordings, and a word that is none: a low tone, as `down` is."""
    (recordings / "others" / UNKNOWN).mkdir(parents=True)
    (recordings / "others" / "up").mkdir()
    for number in range(COUNT):
        shutil.copy(
            recordings / "words" / "down" / f"{number % 6}.wav", recordings / "others" / UNKNOWN / f"{number}.wav"
        )
    shutil.copy(recordings / "words" / "up" / "0.wav", recordings / "others" / "up" / "7.wav")
    return recordings


def mixer(recipe: Recipe, root: Path) -> Mixer:
    return prepare(recipe, root, root / "cache", quiet)[1].mixer


def test_they_have_their_share_of_a_batch(root: Path, recipe_file: Path) -> None:
    made = mixer(with_others(read_recipe(recipe_file), 0.5), root)
    batches = [made.batch_at(step, np.zeros((0, 3), np.int64)) for step in range(60)]
    labels = np.concatenate([batch.labels for batch in batches])
    assert np.mean(labels == made.index[UNKNOWN]) == pytest.approx(0.5, abs=0.07)
    assert {"down", "up"} == {label for label in made.index if made.index[label] in labels and label[0] != "_"}
    seconds = np.concatenate([batch.seconds for batch in batches])[labels == made.index[UNKNOWN]]
    assert set(made.sounds.words.labels[seconds[seconds != NONE]]) == {UNKNOWN}


def test_without_a_share_they_are_drawn_among_the_words(root: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    made = mixer(replace(recipe, data=replace(recipe.data, synthetic=("others",))), root)
    labels = np.concatenate([made.batch_at(step, np.zeros((0, 3), np.int64)).labels for step in range(60)])
    assert np.mean(labels == made.index[UNKNOWN]) == pytest.approx(0.7 / 3, abs=0.07)


@pytest.mark.parametrize("least", [0.0, 0.1])
def test_a_word_with_few_recordings_is_the_more_often_synthetic(root: Path, recipe_file: Path, least: float) -> None:
    for number in range(8, 8 + 53):
        shutil.copy(root / "words" / "up" / "0.wav", root / "others" / "up" / f"{number}.wav")
    recipe = with_others(read_recipe(recipe_file), 0.5)
    recipe = replace(recipe, mix=replace(recipe.mix, synthetic=least, synthetic_by_root=True))
    made = mixer(recipe, root)
    shares = dict(zip(("down", "up"), made.synthetic, strict=True))
    assert shares["down"] == least  # it has none; nothing to draw from
    assert shares["up"] == pytest.approx(54**0.5 / (54**0.5 + 6**0.5))
    drawn = np.array([made._word(np.random.default_rng(seed)) for seed in range(600)])
    of_up = drawn[made.sounds.words.labels[drawn] == "up"]
    assert np.mean(of_up >= made.recorded) == pytest.approx(0.75, abs=0.08)


def test_those_that_are_taken_for_words_are_mined(root: Path, recipe_file: Path) -> None:
    made = mixer(with_others(read_recipe(recipe_file), 0.5), root)
    taken = made.others[:: COUNT // 20]  # the network is taken in by one clip in ten

    def score(windows: Floats) -> NDArray[np.float32]:
        """A click at the very beginning is what it takes for `down`, through whatever microphone."""
        click = np.abs(windows[:, :400]).max(axis=1) / (windows.std(axis=1) + 1e-9)
        return np.stack([click, np.zeros_like(click)], axis=1)

    marked = made.sounds.words.samples.copy()
    marked[made.sounds.words.starts[taken]] = 32_000
    made.sounds = replace(made.sounds, words=replace(made.sounds.words, samples=marked))
    found = np.zeros((0, 3), np.int64)
    for round_ in range(3):
        found = mine(made, score, found, 600, np.random.default_rng(round_))
    rows = found[found[:, 0] == OTHERS, 1]
    assert len(rows) == len(set(rows)) == 60  # each once, however often it was found
    assert len(set(taken) & set(rows)) >= 17  # noise hides some
    drawn = np.concatenate([made.batch_at(step, found).seconds for step in range(120)])
    drawn = drawn[np.isin(drawn, made.others)]
    assert np.mean(np.isin(drawn, rows)) > 0.5  # a third of them all, without


def test_a_share_of_none_is_told(recordings: Path, recipe_file: Path) -> None:
    recipe = with_others(read_recipe(recipe_file), 0.2)
    with pytest.raises(ConfigError, match=r"mix\.others"):
        mixer(replace(recipe, data=replace(recipe.data, synthetic=())), recordings)


def test_synthetic_clips_of_a_word_have_the_share_that_the_recipe_names(root: Path, recipe_file: Path) -> None:
    recipe = with_others(read_recipe(recipe_file), 0.1)
    made = mixer(replace(recipe, mix=replace(recipe.mix, synthetic=0.5)), root)
    rng = np.random.default_rng(1)
    drawn = np.array([made._word(rng) for _ in range(2000)])
    synthetic = drawn >= 12  # six recordings of each word, then what was made
    assert made.sounds.words.labels[drawn[synthetic]].tolist() == ["up"] * synthetic.sum()
    up = drawn[made.sounds.words.labels[drawn] == "up"]
    assert np.mean(up >= 12) == pytest.approx(0.5, abs=0.05)  # one clip in seven, and yet every second one
    assert "down" in made.sounds.words.labels[drawn]  # which nobody synthesized

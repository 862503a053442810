"""A sentence in which the word is said that is heard in it is no hard negative, nor is what a recipe leaves out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.errors import ConfigError, InputError
from kwsd.labels import UNKNOWN
from kwsd.training.augmentation.sounds import Floats
from kwsd.training.batches import OTHERS, SPEECH, Mixer
from kwsd.training.judging import mine
from kwsd.training.prepare import prepare
from kwsd.training.recipe_file import read_recipe

NOTHING = np.zeros((0, 3), np.int64)


def mixer(root: Path, recipe_file: Path, **data: object) -> Mixer:
    recipe = read_recipe(recipe_file)
    chosen = replace(recipe, data=replace(recipe.data, held_out=0, **data))  # type: ignore[arg-type]  # by their names
    return prepare(chosen, root, root / "cache", lambda *_: None)[1].mixer


def hears(column: int) -> object:
    """A network that takes every window for the same word."""

    rng = np.random.default_rng(8)

    def score(windows: Floats) -> NDArray[np.float32]:
        scores = np.zeros((len(windows), 2), np.float32)
        scores[:, column] = rng.uniform(0.5, 1, len(windows))
        return scores

    return score


def test_a_sentence_is_spared_for_the_word_that_is_said_in_it(recordings: Path, recipe_file: Path) -> None:
    (recordings / "said.tsv").write_text("0\tgo down\n1\tI upped it\n", encoding="utf-8")
    made = mixer(recordings, recipe_file, transcripts="said.tsv", homophones=("upped=up",))
    names = made.sounds.speech.names
    words = read_recipe(recipe_file).words
    for word, said_in in (("down", "0"), ("up", "1")):
        found = mine(made, hears(words.index(word)), NOTHING, 600, np.random.default_rng(3))  # type: ignore[arg-type]
        heard = set(names[found[found[:, 0] == SPEECH, 1]])
        assert heard == {"0", "1", "2"} - {said_in}


def test_transcripts_of_other_recordings_are_refused(recordings: Path, recipe_file: Path) -> None:
    """Nothing would be spared by them."""
    (recordings / "said.tsv").write_text("talk/0\tgo down\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"none of the names in the transcripts is a recording's; .* 'talk/0'"):
        mixer(recordings, recipe_file, transcripts="said.tsv")


def test_a_folder_that_is_not_mined(recordings: Path, recipe_file: Path) -> None:
    for folder, label, name in (("real", UNKNOWN, "real"), ("halves", UNKNOWN, "half"), ("halves", "up", "real")):
        (recordings / folder / label).mkdir(parents=True)
        for number in range(6):
            clip = recordings / "words" / "down" / f"{number}.wav"
            shutil.copy(clip, recordings / folder / label / f"{name}{number}.wav")
    made = mixer(recordings, recipe_file, synthetic=("real", "halves"), unmined=("halves",))
    made.mix = replace(made.mix, words=made.mix.words - 0.2, others=0.2)
    found = mine(made, hears(0), NOTHING, 600, np.random.default_rng(3))  # type: ignore[arg-type]
    names = made.sounds.words.names[found[found[:, 0] == OTHERS, 1]]
    assert set(names) == {f"real{number}" for number in range(6)}


def test_a_homophone_of_no_word_is_refused(tmp_path: Path, recipe_file: Path) -> None:
    text = recipe_file.read_text(encoding="utf-8")
    (tmp_path / "wrong.toml").write_text(text.replace("[data]", '[data]\nhomophones = ["know"]'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"data\.homophones"):
        read_recipe(tmp_path / "wrong.toml")


def test_a_word_that_nobody_says_is_refused(recordings: Path, recipe_file: Path) -> None:
    text = recipe_file.read_text(encoding="utf-8")
    (recordings / "wrong.toml").write_text(text.replace('"up"', '"upp", "up"', 1), encoding="utf-8")
    with pytest.raises(ConfigError, match="no recording of upp"):
        mixer(recordings, recordings / "wrong.toml")

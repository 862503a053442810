"""A run begins with an earlier one's weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kwsd.datasets.held_out import held_out
from kwsd.errors import ConfigError, InputError
from kwsd.exporting.export import export_model
from kwsd.training.building import build_network
from kwsd.training.prepare import prepare
from kwsd.training.recipe import Recipe
from kwsd.training.recipe_file import read_recipe


def quiet(what: str, done: int, total: int) -> None:
    """Nobody is watching."""


@pytest.fixture
def earlier(recipe_file: Path, tmp_path: Path) -> Path:
    recipe = read_recipe(recipe_file)
    torch.manual_seed(5)
    network = build_network(replace(recipe, schedule=replace(recipe.schedule, seed=99)))
    export_model(network, tmp_path / "earlier", name="earlier", licence="MIT", offsets={"_unknown_": -2.0, "up": 1.0})
    return tmp_path / "earlier"


def starting(recipe: Recipe, model: Path, **sizes: int) -> Recipe:
    return replace(recipe, network=replace(recipe.network, start=str(model), **sizes))  # type: ignore[arg-type]  # ints


def test_it_says_what_that_one_said_before_its_export(recordings: Path, recipe_file: Path, earlier: Path) -> None:
    recipe = read_recipe(recipe_file)
    before = build_network(replace(recipe, schedule=replace(recipe.schedule, seed=99)))
    model, _ = prepare(starting(recipe, earlier), recordings, recordings / "cache", quiet)
    windows = torch.randn(3, 16_000) / 10
    with torch.no_grad():
        ours, theirs = model.train(False)(windows).logits, before.train(False)(windows).logits
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0)
    assert any(weights.requires_grad for weights in model.parameters())


def test_what_is_held_out_leaves_something(recordings: Path, recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    greedy = replace(recipe, data=replace(recipe.data, held_out=1))
    with pytest.raises(ConfigError, match=r"held_out leaves nothing of data\.speech"):
        prepare(greedy, recordings, recordings / "cache", quiet)


@pytest.mark.parametrize("parts", [0, 5])
def test_half_as_much_noise_is_held_out_as_speech(recordings: Path, recipe_file: Path, parts: int) -> None:
    recipe = read_recipe(recipe_file)
    chosen = replace(recipe, data=replace(recipe.data, held_out=parts))
    _, lesson = prepare(chosen, recordings, recordings / "cache", quiet)
    names, sounds = [str(number) for number in range(3)], lesson.mixer.sounds
    assert sounds.speech.names.tolist() == [name for name in names if not held_out("", name, parts)]
    assert sounds.noise.names.tolist() == [name for name in names if not held_out("", name, 2 * parts)]


@pytest.mark.parametrize("key", ["synthetic", "validation", "speech", "noise", "unmined", "transcripts"])
def test_what_is_not_there_is_told_before_anything_is_decoded(recordings: Path, recipe_file: Path, key: str) -> None:
    recipe = read_recipe(recipe_file)
    missing = "nowhere.tsv" if key == "transcripts" else ("nowhere",)
    lost = replace(recipe, data=replace(recipe.data, **{key: missing}))  # type: ignore[arg-type]  # by the key
    with pytest.raises(InputError, match="nowhere"):
        prepare(lost, recordings, recordings / "cache", quiet)
    assert not (recordings / "cache").exists()


def test_another_shape_is_refused(recordings: Path, recipe_file: Path, earlier: Path) -> None:
    wider = starting(read_recipe(recipe_file), earlier, head_size=24)
    with pytest.raises(ConfigError, match=r"network\.start: it is another network"):
        prepare(wider, recordings, recordings / "cache", quiet)

"""Recipes for an encoder of others: those that are shipped, and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.evaluation.output_files import save_wav

Command = Callable[..., Any]
Rows = Callable[[Path], list[dict[str, str]]]
RECIPES = sorted((Path(__file__).parents[3] / "models").glob("*-base-commands/recipe.toml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parent.name)
def test_a_shipped_recipe_for_an_encoder_of_others_runs(
    kwsd: Command, foreign: Callable[[str], Path], tmp_path: Path, recipe: Path, rows: Rows
) -> None:
    """On the archive's layout, with its lists, an encoder that is as small as they come in the place of its own."""
    archive = tmp_path / "speech"
    rng = np.random.default_rng(4)
    words = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "bed", "_background_noise_")
    for word in words:
        for speaker in ("a", "b", "c"):
            noise = rng.normal(0, 2_000, 16_000 if word[0] != "_" else 40_000).astype(np.int16)
            save_wav(archive / word / f"{speaker}_nohash_0.wav", noise)
    (archive / "validation_list.txt").write_text("\n".join(f"{word}/b_nohash_0.wav" for word in words[:-1]))
    (archive / "testing_list.txt").write_text("\n".join(f"{word}/c_nohash_0.wav" for word in words[:-1]))
    text = recipe.read_text()
    kind = recipe.parent.name.split("-")[0]
    (model,) = [line for line in text.splitlines() if line.startswith("model = ")]
    mine = tmp_path / "recipe.toml"
    mine.write_text(text.replace(model, f'model = "{foreign(kind)}"'))
    ran = kwsd("train", mine, "--data", archive, "--runs", tmp_path / "runs", "--device", "cpu")
    assert ran.status == 0, ran.err
    folder = tmp_path / "runs" / recipe.parent.name
    assert len(rows(folder / "journal.csv")) == 5  # a step an epoch: 12 examples, 128 a step
    card = json.loads(kwsd("models", "info", folder / "model", "--format", "json").out)
    assert card["labels"] == [*sorted(words[:10]), "_unknown_", "_silence_"]
    assert card["scores"]["test"]["clips"] == 11
    assert kwsd("listen", archive / "yes" / "c_nohash_0.wav", "--model", folder / "model").status == 0


def test_a_recipe_is_no_model_and_not_listed(kwsd: Command) -> None:
    assert len(RECIPES) == 2
    listed = kwsd("models", "list").out
    for recipe in RECIPES:
        assert recipe.parent.name not in listed
        ran = kwsd("models", "info", recipe.parent.name)
        assert (ran.status, ran.out) == (78, "")
        assert f"holds only a recipe, not a model yet: kwsd train {recipe}" in ran.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[backbone]\nmodel = 'x'", "the key name is missing"),
        ("name = 'x'\n[backbone]", "the key backbone.model is missing"),
        ("name = 'x'\nbackbone = 'y'", "backbone must be a table"),
        ("name = 'x'\n[backbone]\nmodle = 'y'", "did you mean backbone.model?"),
        ("name = 'x'\n[backbone]\nmodel = 'y'\nfrozen = 1", "backbone.frozen must be true or false"),
        ("name = 'x'\nwords = 'yes'\n[backbone]\nmodel = 'y'", "words must be an array of texts"),
        ("name = 'x'\n[backbone]\nmodel = 'y'\n[schedule]\nepochs = 0", "schedule.epochs must be a whole number, 1"),
        ("name = 'x'\n[backbone]\nmodel = 'y'\nwindow_s = 0.01", "backbone.window_s must be a number from 0.1 to 60"),
        (
            "name = 'x'\n[backbone]\nmodel = 'y'\n[schedule]\npeak_rate = 1e6",
            "schedule.peak_rate must be a number from",
        ),
        ("name = 'x'\n[backbone]\nmodel = 'y'\n[schedule]\npeak_rate = -1", "schedule.peak_rate must be a number"),
    ],
)
def test_a_recipe_with_a_backbone_that_is_wrong(kwsd: Command, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    ran = kwsd("train", tmp_path / "a.toml", "--data", tmp_path)
    assert (ran.status, ran.out) == (78, "")
    assert said in ran.err
    assert str(tmp_path / "a.toml") in ran.err

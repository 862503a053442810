"""A run goes on with its own recipe alone, and another one starts beside what is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kwsd.errors import ConfigError, InputError
from kwsd.training.checkpoint import CHECKPOINT
from kwsd.training.journal import JOURNAL
from kwsd.training.run_folder import model_place, run_folder


def begun(runs: Path, recipe: Mapping[str, Any]) -> Path:
    """The folder of a run that has learnt something."""
    with run_folder(runs, "mine", recipe, fresh=False) as folder:
        (folder / CHECKPOINT).touch()
    return folder


@pytest.mark.parametrize(
    ("earlier", "now", "what"),
    [
        ({"seed": 1, "clips": "x"}, {"seed": 1, "clips": "y"}, "the clips have changed since"),
        ({"clips": "x", "labels": ["a"]}, {"clips": "y", "labels": ["b"]}, "the words, and so the clips, have changed"),
        ({"seed": 1, "clips": "x"}, {"seed": 2, "clips": "y"}, r"differs in clips, seed\)"),
        ({"seed": 1, "pace": 2}, {"seed": 1}, r"differs in pace\)"),
        ({"a": {"x": 1}, "b": {"x": 2}}, {"a": {"x": 3}, "b": {"x": 2}}, r"differs in a\.x\)"),
    ],
)
def test_what_differs_is_told(tmp_path: Path, earlier: dict[str, Any], now: dict[str, Any], what: str) -> None:
    begun(tmp_path, earlier)
    with pytest.raises(ConfigError, match=what), run_folder(tmp_path, "mine", now, fresh=False):
        pass


def test_a_recipe_has_its_name_in_it(tmp_path: Path) -> None:
    """`--name` is refused beside a recipe."""
    begun(tmp_path, {"seed": 1})
    told = r"use --fresh to start over, another name \(--name, or name in the recipe\), or another folder with --runs"
    with pytest.raises(ConfigError, match=told), run_folder(tmp_path, "mine", {"seed": 2}, fresh=False):
        pass


def test_the_same_recipe_goes_on_though_json_has_no_tuples(tmp_path: Path) -> None:
    recipe = {"snr": (0, 20), "mix": {"talk": (12, 30)}}
    begun(tmp_path, recipe)
    with run_folder(tmp_path, "mine", recipe, fresh=False):
        pass


def test_what_is_usual_stands_only_for_what_the_recipe_lacks(tmp_path: Path) -> None:
    begun(tmp_path, {"patience": 5})
    with run_folder(tmp_path, "mine", {"patience": 5}, fresh=False, usual={"patience": 2}):
        pass


def test_what_was_set_aside_before_is_not_written_over(tmp_path: Path) -> None:
    folder = begun(tmp_path, {"seed": 1})
    (folder / JOURNAL).write_text("second")
    (folder / f"{JOURNAL}.old").write_text("first")
    with run_folder(tmp_path, "mine", {"seed": 2}, fresh=True):
        pass
    assert (folder / f"{JOURNAL}.old").read_text() == "first"
    assert (folder / f"{JOURNAL}.old2").read_text() == "second"
    assert (folder / f"{CHECKPOINT}.old2").exists()  # what belongs together has one suffix


def broken_off(runs: Path) -> None:
    with run_folder(runs, "mine", {"seed": 1}, fresh=False) as folder:
        (folder / CHECKPOINT).touch()
        raise InputError("the data are gone")


def test_a_new_run_that_fails_after_it_has_learnt_something_keeps_its_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone"):
        broken_off(tmp_path)
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {CHECKPOINT, "recipe.json"}


def test_a_model_goes_into_its_run_or_by_its_name_into_the_given_folder(tmp_path: Path) -> None:
    assert model_place(tmp_path / "run", None, "mine") == tmp_path / "run" / "model"
    assert model_place(tmp_path / "run", tmp_path / "out", "mine") == tmp_path / "out" / "mine"

"""A run's folder holds one recipe, and whole."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from kwsd.errors import ConfigError, DeviceError, InputError
from kwsd.training.checkpoint import CHECKPOINT
from kwsd.training.run_folder import CONTENTS_KEY, WEIGHTS_KEY, keep_recipe, model_place, run_folder


def test_a_full_disk_leaves_the_recipe_as_it_was(tmp_path: Path) -> None:
    """Else the run could not be gone on with once there is room."""
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=False) as folder:
        pass
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        with (
            pytest.raises(DeviceError, match=r"mine: cannot be written .* make room"),
            run_folder(tmp_path, "mine", {"seed": 1}, fresh=False),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert json.loads((folder / "recipe.json").read_text()) == {"seed": 1}


def refused(runs: Path) -> None:
    """A run that ends before its first step."""
    with run_folder(runs, "mine", {"seed": 1}, fresh=False) as folder:
        model_place(folder, None, "mine")
        raise InputError("no such data")


def test_what_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such data"):
        refused(tmp_path / "training" / "runs")
    assert not (tmp_path / "training").exists()


@pytest.mark.parametrize("kept", ["checkpoint.pt", "journal.csv"])
def test_what_has_learnt_something_is_kept(tmp_path: Path, kept: str) -> None:
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=False) as folder:
        (folder / kept).touch()
    with pytest.raises(InputError, match="no such data"):
        refused(tmp_path)
    assert {path.name for path in folder.iterdir()} == {"recipe.json", "model", kept}


def test_a_folder_that_was_there_before_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="no such data"):
        refused(tmp_path)
    assert (tmp_path / "mine" / "recipe.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_recipe_that_is_none(tmp_path: Path, text: str) -> None:
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=False) as folder:
        pass
    (folder / "checkpoint.pt").touch()
    (folder / "recipe.json").write_text(text)
    again = run_folder(tmp_path, "mine", {"seed": 1}, fresh=False)
    with pytest.raises(InputError, match=r"recipe\.json: is not the recipe of a run; use --fresh"), again:
        pass
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=True):
        pass
    assert (folder / "recipe.json.old").read_text() == text


def test_two_at_once_do_not_write_over_each_other(tmp_path: Path) -> None:
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=False) as folder:
        second = run_folder(tmp_path, "mine", {"seed": 2}, fresh=True)
        with (
            pytest.raises(DeviceError, match="mine: another kwsd trains there; wait for it or end it, then repeat"),
            second,
        ):
            pass
        with run_folder(tmp_path, "yours", {"seed": 1}, fresh=False):
            pass
    assert json.loads((folder / "recipe.json").read_text()) == {"seed": 1}
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=False):
        pass


def test_a_name_that_no_card_may_have_is_told_before_anything_is_learnt(tmp_path: Path) -> None:
    for name in (101 * "x", "a\nb", " "):
        with (
            pytest.raises(
                ConfigError, match=r"no run can be called .*: it takes 1 to 100 printable characters, not only spaces"
            ),
            run_folder(tmp_path, name, {}, fresh=False),
        ):
            pass
    assert not list(tmp_path.rglob("recipe.json"))
    assert model_place(tmp_path, None, 100 * "x") == tmp_path / "model"


@pytest.mark.parametrize("name", ["", ".", "..", "../mine", "mine/other", "/tmp/mine"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ConfigError, match="cannot be the name of a run: it leads out of"),
        run_folder(tmp_path / "runs", name, {}, fresh=False),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_a_run_that_has_learnt_nothing_yet_may_begin_with_another_recipe(tmp_path: Path) -> None:
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=False):
        pass
    with run_folder(tmp_path, "mine", {"seed": 2}, fresh=False) as folder:
        pass
    assert json.loads((folder / "recipe.json").read_text()) == {"seed": 2}


def test_the_weights_that_a_run_began_with_are_not_forgotten(tmp_path: Path) -> None:
    """Where the model has to be fetched again, they are not known until it is there."""
    with run_folder(tmp_path, "mine", {"seed": 1, WEIGHTS_KEY: "a"}, fresh=False) as folder:
        (folder / CHECKPOINT).write_bytes(b"")
    with run_folder(tmp_path, "mine", {"seed": 1, WEIGHTS_KEY: ""}, fresh=False):
        with pytest.raises(ConfigError, match="began with has changed since"):
            keep_recipe(folder, {"seed": 1, WEIGHTS_KEY: "b"})
        keep_recipe(folder, {"seed": 1, WEIGHTS_KEY: "a"})
    with (
        pytest.raises(ConfigError, match="began with has changed since"),
        run_folder(tmp_path, "mine", {"seed": 1, WEIGHTS_KEY: "b"}, fresh=False),
    ):
        pass


def test_a_key_that_an_earlier_version_did_not_know_stands_for_what_was_usual(tmp_path: Path) -> None:
    recipe = {"seed": 1, "patience": 2}
    with run_folder(tmp_path, "mine", {"seed": 1}, fresh=False) as folder:
        (folder / CHECKPOINT).touch()
    with pytest.raises(ConfigError, match="differs in patience"), run_folder(tmp_path, "mine", recipe, fresh=False):
        pass
    with run_folder(tmp_path, "mine", recipe, fresh=False, usual={"patience": 2}):
        pass


def test_clips_that_hold_something_else_have_changed(tmp_path: Path) -> None:
    recipe = {"seed": 1, "clips": "a", CONTENTS_KEY: "b"}
    with run_folder(tmp_path, "mine", recipe, fresh=False) as folder:
        (folder / CHECKPOINT).touch()
    for now in ({CONTENTS_KEY: "c"}, {"clips": "c", CONTENTS_KEY: "c"}):
        with (
            pytest.raises(ConfigError, match="the clips have changed since this run began"),
            run_folder(tmp_path, "mine", recipe | now, fresh=False),
        ):
            pass

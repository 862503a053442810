"""`kwsd train` on clips that cannot go well: told before anything is learnt, or fetched."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from few_clips import few

from kwsd.errors import InputError

Command = Callable[..., Any]
RECIPES = sorted((Path(__file__).parents[3] / "models").glob("*-base-commands/recipe.toml"))


def test_a_damaged_card_is_told_before_anything_is_learnt(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    table = few(clips, tmp_path, "train")
    (tmp_path / "out" / "few").mkdir(parents=True)
    (tmp_path / "out" / "few" / "card.json").write_text('{"name": "fe')
    arguments = ("train", "--backbone", foreign("whisper"), "--data", table, "--runs", tmp_path / "runs")
    ran = kwsd(*arguments, "--out", tmp_path / "out", "--epochs", "1", "--frozen", "--device", "cpu")
    assert (ran.status, ran.out) == (78, "")
    assert "card.json" in ran.err
    assert "repair or remove it" in ran.err
    assert not list(tmp_path.rglob("checkpoint.pt"))


def test_a_full_disk(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    table = few(clips, tmp_path, "train", "train", "train")
    monkeypatch.setattr("kwsd.training.checkpoint.save", full)
    arguments = ("train", "--backbone", foreign("whisper"), "--data", table, "--runs", tmp_path / "runs")
    ran = kwsd(*arguments, "--epochs", "1", "--frozen", "--device", "cpu")
    assert (ran.status, ran.out) == (69, "")
    assert "No space left on device): make room" in ran.err


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("--out", "/proc/x"), 73, "/proc/x/mine: cannot be written (No such file or directory): name another place"),
        (
            ("--name", "../mine"),
            2,
            "--name is '../mine'; it must be 1 to 100 printable characters, not only spaces, without a slash",
        ),
        (("--name", ".."), 2, "--name is '..'; it must be"),
        (("--name", "a" * 101), 2, "--name is 'aaa"),
        (("--name", "a\x07b"), 2, "--name is 'a\\x07b'; it must be"),
    ],
)
def test_a_place_for_the_model_is_tried_before_anything_is_learnt(
    kwsd: Command,
    foreign: Callable[[str], Path],
    clips: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    status: int,
    text: str,
) -> None:
    own = ("--backbone", foreign("whisper"), "--data", clips, "--runs", tmp_path / "runs", "--name", "mine")
    ran = kwsd("train", *(own if "--name" not in arguments else own[:-2]), *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert text in ran.err
    assert not list(tmp_path.rglob("checkpoint.pt"))
    assert not list((tmp_path / "runs").rglob("recipe.json")) or "--name" not in arguments


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--backbone", "--backbone is empty; the default is hubert-commands"),
        ("--name", "--name is ''; it must be 1 to 100 printable characters"),
    ],
)
def test_an_unset_variable_does_not_train_something_else(
    kwsd: Command, clips: Path, tmp_path: Path, flag: str, text: str
) -> None:
    runs = tmp_path / "file"  # where no run can begin
    runs.touch()
    ran = kwsd("train", "--data", clips, "--runs", runs, flag, "")
    assert (ran.status, ran.out) == (2, "")
    assert text in ran.err


def test_a_run_is_not_kept_in_the_folder_of_its_clips(kwsd: Command, tmp_path: Path) -> None:
    """When it goes on, its model would be a class without clips."""
    (tmp_path / "mine" / "yes").mkdir(parents=True)
    ran = kwsd("train", "--data", tmp_path / "mine", "--runs", tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert f"{tmp_path / 'mine'} holds the clips, and cannot be the run's folder, too; name another with" in ran.err


@pytest.mark.parametrize("flag", ["--runs", "--out"])
@pytest.mark.parametrize("recipe", [(), RECIPES[:1], [RECIPES[0].parents[1] / "hubert-commands" / "first.toml"]])
def test_a_place_that_cannot_be_written_is_told_before_libraries_are_imported(
    clips: Path, tmp_path: Path, recipe: list[Path], flag: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "there").mkdir()
    program = "import sys; sys.modules['torch'] = None; from kwsd.cli import main; sys.exit(main(sys.argv[1:]))"
    places = {"--runs": "new/runs", "--out": "there", flag: "file"}
    arguments = ["train", *recipe, "--data", clips, *(word for place in places.items() for word in place)]
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (73, "")
    assert done.stderr.startswith("kwsd: error: file")
    assert ": cannot be written (" in done.stderr
    assert done.stderr.endswith(f"): name another place with {flag}\n")
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("wrong", [("--out", "/proc/x"), ("--name", "../mine")])
def test_nothing_is_fetched_for_a_place_that_is_wrong(
    kwsd: Command, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, str]
) -> None:
    def fetched(name: str, *_: object) -> Path:
        raise InputError(f"{name} was fetched")

    monkeypatch.setattr("kwsd.zoo.pull_model", fetched)
    arguments = ("train", "--backbone", "someone/network", "--data", few(clips, tmp_path, "train"))
    arguments = (*arguments, "--runs", tmp_path / "runs")
    assert "someone/network was fetched" in kwsd(*arguments).err
    ran = kwsd(*arguments, *wrong)
    assert ran.status != 0
    assert "was fetched" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ((), 2, "--data"),
        (("recipe.toml", "--backbone", "x", "--data", "."), 2, "RECIPE and --backbone exclude each other"),
        (("--backbone", "x", "--data", ".", "--device", "tpu"), 2, "auto, cuda or cpu"),
        (("--backbone", "x", "--data", ".", "--learning-rate", "0"), 2, "is 0; it must be 1e-09 or more"),
        (("--backbone", "x", "--data", ".", "--learning-rate", "nan"), 2, "a number from 1e-09 to 1"),
        (("--backbone", "x", "--data", ".", "--resume", "--fresh"), 2, "--fresh/--resume was given twice; leave one"),
        (("--data", ".", "--licence", "MIT License\n\nPermission"), 2, "it must be one line, such as CC-BY-4.0"),
        (("--backbone", "x", "--data", "/nowhere"), 66, "no such folder"),
        ((RECIPES[0], "--data", ".", "--epochs", "3", "--frozen"), 2, "leave out --frozen, --epochs"),
    ],
)
def test_what_contradicts_itself(kwsd: Command, arguments: tuple[str, ...], status: int, text: str) -> None:
    ran = kwsd("train", *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert text in ran.err


@pytest.mark.parametrize("arguments", [["train", "--backbone", "b"], ["train", str(RECIPES[0])], ["export", "m"]])
def test_what_is_not_installed_is_told_with_how_to_install_it(clips: Path, arguments: list[str]) -> None:
    program = "import sys; sys.modules['onnx'] = None; from kwsd.cli import main; sys.exit(main(sys.argv[1:]))"
    data = ["--data", str(clips)] if arguments[0] == "train" else []
    command = [sys.executable, "-c", program, *arguments, *data]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1)
    assert done.stderr.endswith(f"{shlex.quote(sys.executable)} -m pip install 'kwsd[train]'\n")


def test_what_to_train_on_is_not_the_recipe(kwsd: Command, clips: Path, tmp_path: Path) -> None:
    for given, hint in (
        (clips, f"did you mean kwsd train --data {clips}?"),
        (tmp_path / "n.toml", "there is no recipe"),
    ):
        ran = kwsd("train", given)
        assert (ran.status, ran.out) == (2, "")
        assert hint in ran.err

"""`kwsd train` by a recipe, where a disk is full, cannot be written, or is another one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
MakeRecipe = Callable[[int], Path]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (OSError(28, "No space left on device"), 69, "(No space left on device): make room, then"),
        (OSError(21, "Is a directory"), 73, "(Is a directory): correct that, then"),
    ],
)
def test_a_checkpoint_that_cannot_be_written(
    kwsd: Command,
    root: Path,
    recipe: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    status: int,
    told: str,
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("kwsd.training.loop.save", fails)
    ran = kwsd("train", recipe(20), "--data", root, "--runs", tmp_path / "runs")
    assert (ran.status, ran.out) == (status, "")
    assert f"tones: cannot be written {told} resume with the same" in ran.err


def test_a_disk_that_fills_up_with_the_model(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    arguments = ("train", recipe(20), "--data", root, "--runs", tmp_path / "runs")
    with monkeypatch.context() as patched:
        patched.setattr("kwsd.cli.teaching.export_model", full)
        ran = kwsd(*arguments)
    assert (ran.status, ran.out) == (69, "")
    assert "then resume with the same command" in ran.err
    again = kwsd(*arguments)  # nothing was lost
    assert again.status == 0, again.err
    assert again.out.startswith(f"{tmp_path / 'runs' / 'tones' / 'model'}: 20 steps")


def test_a_model_may_lie_on_another_disk_than_its_run(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path
) -> None:
    elsewhere = Path("/dev/shm")
    if elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is but one disk")
    with tempfile.TemporaryDirectory(dir=elsewhere) as folder:
        (tmp_path / "runs" / "tones").mkdir(parents=True)
        (tmp_path / "runs" / "tones" / "model").symlink_to(folder)
        ran = kwsd("train", recipe(20), "--data", root, "--runs", tmp_path / "runs")
        assert ran.status == 0, ran.err
        assert (Path(folder) / "card.json").exists()
        assert not list(Path(folder).glob(".export-*"))

"""`kwsd train` from a recipe to a model folder, interrupted and resumed on the way."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.errors import DeviceError

Command = Callable[..., Any]
Rows = Callable[[Path], list[dict[str, str]]]
MakeRecipe = Callable[[int], Path]


def test_a_run_leaves_a_model_that_listens(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path, rows: Rows
) -> None:
    arguments = ("train", recipe(20), "--data", root, "--runs", tmp_path / "runs", "--out", tmp_path / "out")
    ran = kwsd(*arguments, "--device", "cpu")
    assert ran.status == 0, ran.err
    run = tmp_path / "runs" / "tones"
    assert {path.name for path in run.iterdir()} == {"checkpoint.pt", "journal.csv", "journal.png", "recipe.json"}
    journal = rows(run / "journal.csv")
    assert [row["step"] for row in journal] == ["10", "20", "20"]
    assert journal[-1]["accuracy"]
    card = json.loads(kwsd("models", "info", tmp_path / "out" / "tones", "--format", "json").out)
    assert card["words"] == ["yes", "no"]
    assert card["licence"] == "Apache-2.0"
    assert json.loads((tmp_path / "out" / "tones" / "config.json").read_text())["word_offsets"] == {"no": 0.5}
    assert card["scores"]["validation"]["accuracy"] == pytest.approx(float(journal[-1]["accuracy"]), abs=1e-4)

    told = json.loads((run / "recipe.json").read_text())
    del told["mix"]["pace"]  # as an earlier version wrote it, which did not know the key
    (run / "recipe.json").write_text(json.dumps(told))
    place = tmp_path / "out" / "tones" / "card.json"
    before = json.loads(place.read_text())
    place.write_text(json.dumps(before | {"thresholds": {"yes": 0.7}}))
    again = kwsd(*arguments)  # a run that is over is over: the same model, no further step
    assert again.status == 0, again.err
    assert rows(run / "journal.csv") == journal
    after = json.loads(place.read_text())
    assert after["scores"]["validation"] == pytest.approx(before["scores"]["validation"], abs=1e-6)
    assert after["thresholds"] == {"yes": 0.7}  # they were chosen for these very weights

    place.write_text(json.dumps(after | {"licence": "CC-BY-4.0 AND Apache-2.0"}))
    place.with_name("LICENSE-voices.txt").write_text("name the speakers")
    soup = recipe(22)  # a run that is mixed with the one before
    soup.write_text(soup.read_text().replace('"tones"', '"soup"') + f'[soup]\nmodel = "{tmp_path}/out/tones"\n')
    mixed = kwsd("train", soup, *arguments[2:])
    assert mixed.status == 0, mixed.err
    assert "averaged with" in mixed.err
    assert (tmp_path / "out" / "soup" / "model.safetensors").is_file()
    assert (tmp_path / "out" / "soup" / "LICENSE-voices.txt").is_file()
    assert json.loads((tmp_path / "out" / "soup" / "card.json").read_text())["licence"] == "Apache-2.0 AND CC-BY-4.0"

    other = kwsd("train", recipe(30), *arguments[2:])
    assert other.status == 78
    assert "schedule.steps" in other.err

    fresh = kwsd("train", recipe(30), *arguments[2:], "--fresh")
    assert fresh.status == 0, fresh.err
    assert json.loads(place.read_text())["thresholds"] == {}
    assert (run / "checkpoint.pt.old").exists()
    assert rows(run / "journal.csv")[-1]["step"] == "30"


def test_the_card_tells_how_well_the_exported_model_hears(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path, rows: Rows
) -> None:
    """Not the network before its offsets, of which one here is so large that nothing but "yes" is heard."""
    path = recipe(20)
    text = path.read_text(encoding="utf-8").replace("no=0.5", "yes=100")
    path.write_text(text.replace('validation = ["clips"]', 'validation = ["validation"]'), encoding="utf-8")
    shutil.copytree(root / "clips" / "yes", root / "validation" / "yes")
    ran = kwsd("train", path, "--data", root, "--runs", tmp_path / "runs", "--device", "cpu")
    assert ran.status == 0, ran.err
    run = tmp_path / "runs" / "tones"
    assert float(rows(run / "journal.csv")[-1]["accuracy"]) < 1
    assert json.loads((run / "model" / "card.json").read_text())["scores"]["validation"]["accuracy"] == 1
    assert "with the offsets of its words: accuracy per word 1.0000" in ran.err


def test_a_device_that_cannot_compute_is_told_before_anything_is_prepared(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def broken(device: str) -> str:
        asked.append(device)
        raise DeviceError("the GPU cannot be used: it is old;", "use --device cpu")

    monkeypatch.setattr("kwsd.cli.teaching.pick_device", broken)
    ran = kwsd("train", recipe(20), "--data", root, "--runs", tmp_path / "runs", "--device", "cuda")
    assert (ran.status, ran.out, asked) == (69, "", ["cuda"])
    assert "it is old; use --device cpu" in ran.err
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_keeps_the_steps_and_the_same_command_goes_on(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path, rows: Rows
) -> None:
    def arguments(steps: int) -> list[str]:
        place = tmp_path / "runs"
        return ["train", str(recipe(steps)), "--data", str(root), "--runs", str(place)]

    run = tmp_path / "runs" / "tones"
    command = [sys.executable, "-m", "kwsd", *arguments(1_000_000)]
    end = time.monotonic() + PATIENCE_S
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not (run / "journal.csv").exists() or not rows(run / "journal.csv"):
                assert time.monotonic() < end
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)  # another process's file
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 130, err
    assert "the same command resumes from there" in err
    step = int(rows(run / "journal.csv")[-1]["step"])

    import torch

    assert torch.load(run / "checkpoint.pt", weights_only=True)["step"] == step
    (run / "recipe.json").unlink()  # so that the run may end sooner than its recipe said
    ran = kwsd(*arguments(step + 20))
    assert ran.status == 0, ran.err
    assert f"resuming from step {step} of {step + 20}" in ran.err
    steps = [int(row["step"]) for row in rows(run / "journal.csv") if not row["accuracy"]]
    assert steps == sorted(set(steps))
    assert steps[-1] == step + 20


def test_a_damaged_card_is_told_before_anything_is_learnt(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path
) -> None:
    (tmp_path / "out" / "tones").mkdir(parents=True)
    (tmp_path / "out" / "tones" / "card.json").write_text('{"name": "to')
    places = ("--runs", tmp_path / "runs", "--out", tmp_path / "out")
    ran = kwsd("train", recipe(10), "--data", root, *places)
    assert (ran.status, ran.out) == (78, "")
    assert "repair or remove it" in ran.err
    assert not (tmp_path / "runs" / "cache").exists()


@pytest.mark.parametrize("key", ["network.start", "teacher.scores", "soup.model"])
def test_a_model_that_the_run_needs_is_not_replaced(
    kwsd: Command, root: Path, recipe: MakeRecipe, tmp_path: Path, key: str
) -> None:
    """The same command could not go on with it, or would make another model."""
    run, model = tmp_path / "runs" / "tones", tmp_path / "runs" / "tones" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (run / "checkpoint.pt").write_bytes(b"that run's")
    path, (table, name) = recipe(20), key.split(".")
    text, added = path.read_text(encoding="utf-8"), f'[{table}]\n{name} = "{model}"\n'
    path.write_text(text.replace(f"[{table}]\n", added) if table in text else text + added, encoding="utf-8")
    ran = kwsd("train", path, "--data", root, "--runs", tmp_path / "runs", "--fresh")
    assert (ran.status, ran.out) == (2, "")
    assert f"{model} is what the recipe names as {key}, and the result would replace it; give the recipe" in ran.err
    assert {file.name for file in run.iterdir()} == {"checkpoint.pt", "model"}


@pytest.mark.parametrize(("words", "status"), [("data root", 66), ("unknown key", 78), ("cannot read", 66)])
def test_what_cannot_be_trained(kwsd: Command, recipe: MakeRecipe, tmp_path: Path, words: str, status: int) -> None:
    path = recipe(10)
    if words == "unknown key":
        path.write_text(path.read_text(encoding="utf-8") + "paitence = 3\n", encoding="utf-8")
    if words == "cannot read":
        path = tmp_path / "none.toml"
    ran = kwsd("train", path, "--data", tmp_path / "nothing", "--runs", tmp_path / "runs")
    assert (ran.status, ran.out) == (status, "")
    assert words in ran.err

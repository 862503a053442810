"""`kwsd train` from a recipe to a model folder, interrupted and resumed on the way."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Callable[..., Any]

RECIPE = """
name = "tones"
words = ["yes", "no"]
[network]
hidden_size = 16
intermediate_size = 32
num_attention_heads = 8
num_hidden_layers = 1
conv_dim = [8, 8, 16]
num_conv_pos_embeddings = 16
adapter_size = 4
head_size = 8
[data]
words = ["clips"]
validation = ["clips"]
speech = ["speech"]
noise = ["speech"]
held_out = 0
[mix]
channels = 2
[schedule]
batch = 4
steps = {steps}
warmup = 2
mine_every = 20
mine_windows = 8
validate_every = 20
"""


@pytest.fixture
def root(clips: Path, tmp_path: Path) -> Path:
    """A data root: words, and sentences that serve as noise too."""
    folder = tmp_path / "data"
    for label, place in (("yes", "clips/yes"), ("no", "clips/no"), ("dog", "speech/the dog")):
        (folder / place).mkdir(parents=True)
        for clip in (clips / label).iterdir():
            (folder / place / clip.name).write_bytes(clip.read_bytes())
    return folder


def recipe(folder: Path, steps: int) -> Path:
    path = folder / f"recipe-{steps}.toml"
    path.write_text(RECIPE.replace("{steps}", str(steps)), encoding="utf-8")
    return path


def rows(journal: Path) -> list[dict[str, str]]:
    with journal.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_a_model_that_listens(kwsd: Command, root: Path, tmp_path: Path) -> None:
    arguments = ("train", recipe(tmp_path, 20), "--data", root, "--runs", tmp_path / "runs", "--out", tmp_path / "out")
    ran = kwsd(*arguments)
    assert ran.status == 0, ran.err
    run = tmp_path / "runs" / "tones"
    assert {path.name for path in run.iterdir()} == {"checkpoint.pt", "journal.csv", "journal.png", "recipe.json"}
    journal = rows(run / "journal.csv")
    assert [row["step"] for row in journal] == ["10", "20", "20"]
    assert journal[-1]["accuracy"]
    card = json.loads(kwsd("models", "info", tmp_path / "out" / "tones", "--format", "json").out)
    assert card["words"] == ["yes", "no"]
    assert card["licence"] == "Apache-2.0"
    assert card["scores"]["validation"]["accuracy"] == pytest.approx(float(journal[-1]["accuracy"]), abs=1e-4)

    again = kwsd(*arguments)  # a run that is over is over: the same model, no further step
    assert again.status == 0
    assert rows(run / "journal.csv") == journal

    other = kwsd("train", recipe(tmp_path, 30), *arguments[2:])
    assert other.status == 78
    assert "schedule.steps" in other.err

    fresh = kwsd("train", recipe(tmp_path, 30), *arguments[2:], "--fresh")
    assert fresh.status == 0, fresh.err
    assert (run / "checkpoint.pt.old").exists()
    assert rows(run / "journal.csv")[-1]["step"] == "30"


def test_ctrl_c_keeps_the_steps_and_the_same_command_goes_on(kwsd: Command, root: Path, tmp_path: Path) -> None:
    def arguments(steps: int) -> list[str]:
        place = tmp_path / "runs"
        return ["train", str(recipe(tmp_path, steps)), "--data", str(root), "--runs", str(place)]

    run = tmp_path / "runs" / "tones"
    process = subprocess.Popen([sys.executable, "-m", "kwsd", *arguments(1_000_000)], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not (run / "journal.csv").exists() or not rows(run / "journal.csv"):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)  # another process's file
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "the same command goes on from there" in err
    step = int(rows(run / "journal.csv")[-1]["step"])

    import torch

    assert torch.load(run / "checkpoint.pt", weights_only=True)["step"] == step
    (run / "recipe.json").unlink()  # so that the run may end sooner than its recipe said
    ran = kwsd(*arguments(step + 20))
    assert ran.status == 0, ran.err
    assert f"goes on from step {step} of {step + 20}" in ran.err
    steps = [int(row["step"]) for row in rows(run / "journal.csv") if not row["accuracy"]]
    assert steps == sorted(set(steps))
    assert steps[-1] == step + 20


@pytest.mark.parametrize(("words", "status"), [("data root", 66), ("unknown key", 78), ("cannot read", 66)])
def test_what_cannot_be_trained(kwsd: Command, tmp_path: Path, words: str, status: int) -> None:
    path = recipe(tmp_path, 10)
    if words == "unknown key":
        path.write_text(path.read_text(encoding="utf-8") + "paitence = 3\n", encoding="utf-8")
    if words == "cannot read":
        path = tmp_path / "none.toml"
    ran = kwsd("train", path, "--data", tmp_path / "nothing", "--runs", tmp_path / "runs")
    assert (ran.status, ran.out) == (status, "")
    assert words in ran.err


def test_an_encoder_of_others_is_taught_and_listens(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    table = tmp_path / "few.csv"
    splits = ("train", "train", "validation")
    of_clips = [f"{clips / label / str(n)}.wav,{label},{splits[n]}" for label in ("yes", "no") for n in range(3)]
    table.write_text("\n".join(["file,label,split", *of_clips]) + "\n")
    arguments = ("train", "--backbone", foreign("whisper"), "--data", table, "--runs", tmp_path / "runs")
    ran = kwsd(*arguments, "--epochs", "2", "--batch", "2", "--frozen", "--class-weights", "--device", "cpu")
    assert ran.status == 0, ran.err
    model = tmp_path / "runs" / "few" / "model"
    assert ran.out.startswith(f"{model}: 4 steps, validation ")
    assert [row["step"] for row in rows(tmp_path / "runs" / "few" / "journal.csv")] == ["1", "2", "3", "4"]
    card = json.loads(kwsd("models", "info", model, "--format", "json").out)
    assert card["words"] == ["no", "yes"]
    assert card["scores"]["validation"]["clips"] == 2
    assert kwsd("eval", "clips", clips, "--model", model, "--device", "cpu").status == 0
    assert kwsd("listen", clips / "yes" / "0.wav", "--model", model, "--device", "cpu").status == 0
    changed = kwsd(*arguments, "--epochs", "3", "--device", "cpu")
    assert changed.status == 78
    assert "began with another recipe" in changed.err


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ((), 2, "--data"),
        (("--data", "."), 2, "--backbone"),
        (("recipe.toml", "--backbone", "x", "--data", "."), 2, "either"),
        (("--backbone", "x", "--data", ".", "--device", "tpu"), 2, "auto, cuda or cpu"),
        (("--backbone", "x", "--data", "/nowhere"), 66, "no such folder"),
    ],
)
def test_what_contradicts_itself(kwsd: Command, arguments: tuple[str, ...], status: int, text: str) -> None:
    ran = kwsd("train", *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert text in ran.err


def test_an_interrupted_fine_tuning_goes_on(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kwsd.cli.interrupts import Interrupted, Interrupts

    asked = 0

    def second_step(_: Interrupts) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise Interrupted

    table = tmp_path / "few.csv"
    of_clips = [f"{clips / label / str(n)}.wav,{label},train" for label in ("yes", "no") for n in range(3)]
    table.write_text("\n".join(["file,label,split", *of_clips]) + "\n")
    arguments = ("train", "--backbone", foreign("whisper"), "--data", table, "--runs", tmp_path / "runs")
    arguments = (*arguments, "--epochs", "2", "--batch", "3", "--frozen", "--device", "cpu", "--name", "mine")
    monkeypatch.setattr(Interrupts, "check", second_step)
    ran = kwsd(*arguments)
    assert (ran.status, ran.out) == (130, "")
    assert "interrupted at step 2 of 4" in ran.err
    ran = kwsd(*arguments)
    assert ran.status == 0, ran.err
    assert "goes on from step 2 of 4" in ran.err
    assert [row["step"] for row in rows(tmp_path / "runs" / "mine" / "journal.csv")] == ["1", "2", "3", "4"]
    assert ran.out.startswith(f"{tmp_path / 'runs' / 'mine' / 'model'}: 4 steps")


def test_a_full_disk(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    table = tmp_path / "few.csv"
    of_clips = [f"{clips / label / str(n)}.wav,{label},train" for label in ("yes", "no") for n in range(3)]
    table.write_text("\n".join(["file,label,split", *of_clips]) + "\n")
    monkeypatch.setattr("kwsd.training.checkpoint.save", full)
    arguments = ("train", "--backbone", foreign("whisper"), "--data", table, "--runs", tmp_path / "runs")
    ran = kwsd(*arguments, "--epochs", "1", "--frozen", "--device", "cpu")
    assert (ran.status, ran.out) == (69, "")
    assert "No space left on device): make room" in ran.err


RECIPES = sorted((Path(__file__).parents[2] / "models").glob("*-base-commands/recipe.toml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parent.name)
def test_a_shipped_recipe_for_an_encoder_of_others_runs(
    kwsd: Command, foreign: Callable[[str], Path], tmp_path: Path, recipe: Path
) -> None:
    """On the archive's layout, with its lists, an encoder that is as small as they come in the place of its own."""
    from kwsd.evaluation.truth import write_wav

    archive = tmp_path / "speech"
    rng = np.random.default_rng(4)
    words = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "bed", "_background_noise_")
    for word in words:
        for speaker in ("a", "b", "c"):
            noise = rng.normal(0, 2_000, 16_000 if word[0] != "_" else 40_000).astype(np.int16)
            write_wav(archive / word / f"{speaker}_nohash_0.wav", noise)
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
    assert card["scores"]["test"]["clips"] == 12
    assert kwsd("listen", archive / "yes" / "c_nohash_0.wav", "--model", folder / "model").status == 0


def test_a_recipe_is_no_model_and_not_listed(kwsd: Command) -> None:
    assert len(RECIPES) == 2
    listed = kwsd("models", "list").out
    for recipe in RECIPES:
        assert recipe.parent.name not in listed
        ran = kwsd("models", "info", recipe.parent.name)
        assert (ran.status, ran.out) == (78, "")
        assert f"is a recipe, not a model yet: kwsd train {recipe}" in ran.err


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
        ("name = 'x'\n[backbone]\nmodel = 'y'\n[schedule]\npeak_rate = -1", "schedule.peak_rate must be a number"),
    ],
)
def test_a_recipe_with_a_backbone_that_is_wrong(kwsd: Command, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    ran = kwsd("train", tmp_path / "a.toml", "--data", tmp_path)
    assert (ran.status, ran.out) == (78, "")
    assert said in ran.err
    assert str(tmp_path / "a.toml") in ran.err

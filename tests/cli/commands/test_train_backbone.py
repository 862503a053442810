"""`kwsd train` on an encoder of others, interrupted and resumed on the way."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from few_clips import few

from kwsd.cards.hub import HubId
from kwsd.evaluation.output_files import save_wav

Command = Callable[..., Any]
Rows = Callable[[Path], list[dict[str, str]]]


def copy_words(clips: Path, data: Path) -> None:
    """The clips of two words as data of their own."""
    for label in ("yes", "no"):
        shutil.copytree(clips / label, data / label)


def test_an_encoder_of_others_is_taught_and_listens(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path, rows: Rows
) -> None:
    table = few(clips, tmp_path, "train", "train", "validation")
    arguments = ("train", "--backbone", foreign("whisper"), "--data", table, "--runs", tmp_path / "runs")
    ran = kwsd(*arguments, "--epochs", "2", "--batch", "2", "--frozen", "--class-weights", "--device", "cpu")
    assert ran.status == 0, ran.err
    assert "most words will not reach the threshold; --epochs" in ran.err
    model = tmp_path / "runs" / "few" / "model"
    assert ran.out.startswith(f"{model}: 4 steps, validation ")
    assert "there is no _unknown_" in ran.err
    assert [row["step"] for row in rows(tmp_path / "runs" / "few" / "journal.csv")] == ["1", "2", "3", "4"]
    card = json.loads(kwsd("models", "info", model, "--format", "json").out)
    assert card["words"] == ["no", "yes"]
    assert card["scores"]["validation"]["clips"] == 2
    assert kwsd("eval", "clips", clips, "--model", model, "--device", "cpu").status == 0
    assert kwsd("listen", clips / "yes" / "0.wav", "--model", model, "--device", "cpu").status == 0
    changed = kwsd(*arguments, "--epochs", "3", "--device", "cpu")
    assert changed.status == 78
    assert "began with another recipe" in changed.err


def test_without_an_encoder_kwsds_own_is_taught(kwsd: Command, clips: Path, tmp_path: Path) -> None:
    copy_words(clips, tmp_path / "mine")
    ran = kwsd("train", "--data", tmp_path / "mine", "--runs", tmp_path / "runs", "--epochs", "2", "--device", "cpu")
    assert ran.status == 0, ran.err
    assert "there is no _unknown_" in ran.err
    assert "continuous speech" not in ran.err  # that would be told of what there is none of
    model = tmp_path / "runs" / "mine" / "model"
    assert [line.split(": ")[-1] for line in ran.err.splitlines()[-2:]] == [
        f"kwsd listen --model {model}",
        f"kwsd eval negatives TALK --model {model}",
    ]
    card = json.loads(kwsd("models", "info", model, "--format", "json").out)
    assert (card["words"], card["licence"]) == (["no", "yes"], "Apache-2.0 AND MIT")
    assert (model / "LICENSE-moonshine.txt").is_file()
    listened = kwsd("listen", clips / "yes" / "0.wav", "--model", model, "--device", "cpu")
    assert listened.status == 0, listened.err


@pytest.mark.parametrize("fetched", [False, True])
def test_the_run_says_how_kwsds_own_is_taught(
    kwsd: Command, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched: bool
) -> None:
    """Whose model it is, is known of one that has to be fetched only when it is there."""
    copy_words(clips, tmp_path / "mine")
    arguments = ("train", "--data", tmp_path / "mine", "--runs", tmp_path / "runs", "--epochs", "1", "--device", "cpu")
    with monkeypatch.context() as patched:
        if fetched:
            patched.setattr("kwsd.cli.finetuning.missing_id", HubId)
            patched.setattr("kwsd.cli.finetuning.pull_if_missing", lambda _: None)
        assert kwsd(*arguments).status == 0
    told = json.loads((tmp_path / "runs" / "mine" / "recipe.json").read_text())
    assert (told["frozen"], told["peak_rate"], told["class_weights"]) == (True, 1e-3, True)
    assert told["labels"] == ["no", "yes", "_unknown_", "_silence_"]
    ran = kwsd(*arguments)
    assert ran.status == 0, ran.err
    assert "resuming from step 1 of 1" in ran.err


def test_other_words_alone_are_no_talk(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    copy_words(clips, tmp_path / "data")
    shutil.copytree(clips / "dog", tmp_path / "data" / "_unknown_")
    arguments = ("train", "--backbone", foreign("whisper"), "--data", tmp_path / "data", "--runs", tmp_path / "runs")
    arguments = (*arguments, "--frozen", "--epochs", "1", "--device", "cpu", "--fresh")
    told = "_unknown_ has no continuous speech"
    assert f"{told}: words will fire in talk without them; add recordings of people talking, each of 3 s" in (
        kwsd(*arguments).err
    )
    talk = np.random.default_rng(1).normal(0, 900, 60_000).astype(np.int16)
    save_wav(tmp_path / "data" / "_unknown_" / "talk.wav", talk)
    assert told not in kwsd(*arguments).err


def test_a_run_among_the_clips_is_named_after_their_folder_and_is_no_class(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    data = tmp_path / "my.words"
    copy_words(clips, data)
    arguments = ("train", "--backbone", foreign("whisper"), "--data", data, "--runs", data, "--device", "cpu")
    for epochs in ("1", "1", "2"):
        ran = kwsd(*arguments, "--frozen", "--epochs", epochs, "--fresh")
        assert ran.status == 0, ran.err
        assert ran.out.startswith(f"{data / 'my.words' / 'model'}: ")


def test_a_run_goes_on_with_the_same_clips_only_wherever_they_lie(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    copy_words(clips, data)
    arguments = ("train", "--backbone", foreign("whisper"), "--runs", tmp_path / "runs", "--name", "mine")
    arguments = (*arguments, "--epochs", "1", "--frozen", "--device", "cpu", "--data")
    assert kwsd(*arguments, data).status == 0
    (data / "yes" / "2.wav").unlink()
    ran = kwsd(*arguments, data)
    assert (ran.status, ran.out) == (78, "")
    assert "the clips have changed since this run began; use --fresh" in ran.err
    shutil.copytree(clips / "dog", data / "dog")  # a word more
    assert "the words, and so the clips, have changed since this run began; use --fresh" in kwsd(*arguments, data).err
    shutil.rmtree(data / "dog")
    again = bytearray((clips / "yes" / "2.wav").read_bytes())
    again[-1] ^= 1
    (data / "yes" / "2.wav").write_bytes(again)  # recorded again, just as long
    ran = kwsd(*arguments, data)
    assert (ran.status, ran.out) == (78, "")
    assert "the clips have changed since this run began; use --fresh" in ran.err
    shutil.copy(clips / "yes" / "2.wav", data / "yes")
    data.rename(tmp_path / "moved")
    ran = kwsd(*arguments, tmp_path / "moved")
    assert ran.status == 0, ran.err
    assert "resuming from step 1 of 1" in ran.err
    recipe = tmp_path / "runs" / "mine" / "recipe.json"
    told = json.loads(recipe.read_text())
    recipe.write_text(json.dumps(told | {"model": "facebook/another"}))
    ran = kwsd(*arguments, tmp_path / "moved")
    assert ran.status == 78
    assert "it differs in model" in ran.err


def test_an_interrupted_fine_tuning_goes_on(
    kwsd: Command,
    foreign: Callable[[str], Path],
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: Rows,
) -> None:
    from kwsd.cli.interrupts import Interrupts
    from kwsd.errors import Interrupted

    asked = 0

    def second_step(_: Interrupts) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise Interrupted("interrupted")

    table = few(clips, tmp_path, "train", "train", "train")
    arguments = ("train", "--backbone", foreign("whisper"), "--data", table, "--runs", tmp_path / "runs")
    arguments = (*arguments, "--epochs", "2", "--batch", "3", "--frozen", "--device", "cpu", "--name", "mine")
    monkeypatch.setattr(Interrupts, "check", second_step)
    for number, end in enumerate(("", "old", "old2")):  # what is set aside is never written over
        asked = 0
        ran = kwsd(*arguments, "--fresh")
        assert (ran.status, ran.out) == (130, "")
        assert "interrupted at step 2 of 4; the same command without --fresh resumes from there" in ran.err
        left = tmp_path / "runs" / "mine"
        assert len(list(left.glob("checkpoint.pt*"))) == len(list(left.glob("best.pt*"))) == 1 + number
        assert not end or (left / f"checkpoint.pt.{end}").exists()
    ran = kwsd(*arguments)
    assert ran.status == 0, ran.err
    assert "resuming from step 2 of 4" in ran.err
    assert [row["step"] for row in rows(tmp_path / "runs" / "mine" / "journal.csv")] == ["1", "2", "3", "4"]
    assert ran.out.startswith(f"{tmp_path / 'runs' / 'mine' / 'model'}: 4 steps")


def test_a_label_without_a_readable_clip_is_no_word(kwsd: Command, clips: Path, tmp_path: Path) -> None:
    table = few(clips, tmp_path, "train")
    (tmp_path / "junk.wav").write_bytes(b"no sound")
    table.write_text(table.read_text() + "junk.wav,fire,train\n")
    ran = kwsd("train", "--backbone", "x", "--data", table, "--runs", tmp_path / "runs")
    assert (ran.status, ran.out) == (66, "")
    assert "fire: none of the 1 clips to train on can be read" in ran.err
    assert not (tmp_path / "runs").exists()


def test_what_was_learnt_is_not_lost_for_clips_that_it_is_only_judged_by(
    kwsd: Command, foreign: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    table = few(clips, tmp_path, "train", "validation", "test")
    for number in range(5):
        (tmp_path / f"junk{number}.wav").write_bytes(b"no sound")
    table.write_text(table.read_text() + "".join(f"junk{number}.wav,yes,test\n" for number in range(5)))
    arguments = ("--epochs", "1", "--frozen", "--device", "cpu", "--runs", tmp_path / "runs")
    ran = kwsd("train", "--backbone", foreign("whisper"), "--data", table, *arguments)
    assert ran.status == 0, ran.err
    assert "5 clips left out" in ran.out
    assert re.search(r"validation [0-2] of 2 windows, test [0-2] of 2 windows$", ran.out.rstrip())  # that can be read

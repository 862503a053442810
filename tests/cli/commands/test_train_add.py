"""`kwsd train --add`: words beside those that kwsd's own HuBERT knows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.evaluation.output_files import save_wav

Command = Callable[..., Any]
COMMANDS = Path(__file__).parents[2] / "recordings" / "commands.flac"


@pytest.fixture
def data(clips: Path, tmp_path: Path) -> Path:
    """A new word, and what is none."""
    shutil.copytree(clips / "dog", tmp_path / "mine" / "beep")
    shutil.copytree(clips / "no", tmp_path / "mine" / "_unknown_")
    return tmp_path / "mine"


def test_it_hears_what_it_heard_before(kwsd: Command, data: Path, tmp_path: Path) -> None:
    arguments = ("train", "--data", data, "--runs", tmp_path / "runs", "--epochs", "1", "--device", "cpu")
    ran = kwsd(*arguments, "--add")
    assert ran.status == 0, ran.err
    assert "38 labels" in ran.err
    assert "knows few words" not in ran.err
    model = tmp_path / "runs" / "mine" / "model"
    card = json.loads(kwsd("models", "info", model, "--format", "json").out)
    assert len(card["words"]) == 36
    heard = [kwsd("listen", COMMANDS, "--format", "json", *chosen) for chosen in ((), ("--model", model))]
    words = [[json.loads(line)["word"] for line in ran.out.splitlines()] for ran in heard]
    assert words[0] == words[1]
    assert len(words[0]) >= 5
    without = kwsd(*arguments)
    assert without.status == 78
    assert "it differs in add" in without.err


@pytest.mark.parametrize("label", ["hey", "Happy"])
def test_clips_that_do_not_sound_like_the_others_are_named_before_they_are_learnt(
    kwsd: Command, tmp_path: Path, label: str
) -> None:
    """Also when the run goes on: what it has learnt by then does not hide them. A known word is not judged."""
    said, talk = read_clip(COMMANDS), read_clip(COMMANDS.with_name("sentence.flac"))
    for number in range(18):
        clip = talk[16_000:32_000] if number < 6 else said[104_000 - 400 * number :][:16_000]
        save_wav(tmp_path / "mine" / label / f"{number}.wav", clip // (1 + number))
    save_wav(tmp_path / "mine" / "_unknown_" / "talk.wav", talk)
    odd = [tmp_path / "mine" / label / f"{number}.wav" for number in range(5)]
    some = ", ".join(map(str, odd))
    told = f"{label!r}: 6 of 18 clips do not sound like the others; listen to them: {some}, …; remove those"
    for _ in range(2):
        ran = kwsd(
            "train", "--data", tmp_path / "mine", "--runs", tmp_path / "runs", "--epochs", "9", "--device", "cpu"
        )
        assert ran.status == 0, ran.err
        assert (told in ran.err) == (label == "hey")


def test_an_earlier_run_that_knew_no_such_thing_goes_on(kwsd: Command, data: Path, tmp_path: Path) -> None:
    arguments = ("train", "--data", data, "--runs", tmp_path / "runs", "--epochs", "1", "--device", "cpu")
    assert kwsd(*arguments).status == 0
    recipe = tmp_path / "runs" / "mine" / "recipe.json"
    told = json.loads(recipe.read_text())
    del told["add"], told["weights"]
    recipe.write_text(json.dumps(told))
    assert kwsd(*arguments).status == 0


def test_a_run_whose_model_has_become_another_does_not_go_on(kwsd: Command, data: Path, tmp_path: Path) -> None:
    """The one would give its card, the other its weights."""
    shutil.copytree(COMMANDS.parents[2] / "models" / "hubert-commands", tmp_path / "bb")
    arguments = ("train", "--data", data, "--add", "--backbone", tmp_path / "bb", "--runs", tmp_path / "runs")
    assert kwsd(*arguments, "--epochs", "1", "--device", "cpu").status == 0
    card = json.loads((tmp_path / "bb" / "card.json").read_text())
    card["sha256"]["model.safetensors"] = "0" * 64
    (tmp_path / "bb" / "card.json").write_text(json.dumps(card))
    ran = kwsd(*arguments, "--epochs", "1", "--device", "cpu")
    assert ran.status == 78
    assert "the model that this run began with has changed since; use --fresh" in ran.err


def test_a_model_that_was_taught_few_words_is_a_poor_one_to_add_to(kwsd: Command, data: Path, tmp_path: Path) -> None:
    arguments = ("--runs", tmp_path / "runs", "--epochs", "1", "--device", "cpu")
    assert kwsd("train", "--data", data, *arguments).status == 0
    (data / "beep").rename(data / "hum")
    model = tmp_path / "runs" / "mine" / "model"
    ran = kwsd("train", "--data", data, "--add", "--backbone", model, "--name", "more", *arguments)
    assert ran.status == 0, ran.err
    assert ran.err.count("knows few words") == 1


def test_the_model_that_is_added_to_is_not_replaced(kwsd: Command, data: Path, tmp_path: Path) -> None:
    """Without it, there would be no way back to a model without the new word."""
    shutil.copytree(COMMANDS.parents[2] / "models" / "hubert-commands", tmp_path / "runs" / "mine" / "model")
    model = tmp_path / "runs" / "mine" / "model"
    (model.parent / "checkpoint.pt").write_bytes(b"that run's")
    arguments = ("train", "--data", data, "--add", "--backbone", model)
    for places in (("--runs", tmp_path / "runs"), ("--out", model.parent, "--name", "model", "--runs", tmp_path)):
        ran = kwsd(*arguments, *places, "--fresh", "--device", "cpu")
        assert (ran.status, ran.out) == (2, "")
        assert f"{model} is the model to teach, and the result would replace it; name another with --name" in ran.err
    assert {path.name for path in model.parent.iterdir()} == {"checkpoint.pt", "model"}


def test_what_does_not_go_with_it(kwsd: Command, data: Path, foreign: Callable[[str], Path], tmp_path: Path) -> None:
    arguments = ("train", "--data", data, "--add", "--runs", tmp_path / "runs", "--device", "cpu")
    shutil.copytree(data, tmp_path / "known")
    (tmp_path / "known" / "beep").rename(tmp_path / "known" / "Stop")
    for wrong, told in (
        (
            ("--backbone", foreign("whisper")),
            f"--add works only with kwsd's own HuBERT, not with {foreign('whisper')}; leave it out",
        ),
        (("--backbone", "moonshine-commands"), "--add works only with kwsd's own HuBERT, not with moonshine-commands"),
        (("--window", "1.5"), "hubert-commands keeps its window of 1 s; use --window 1"),
        (
            ("--data", tmp_path / "known"),
            "hubert-commands knows all of these words already; leave it out to train them again",
        ),
    ):
        chosen = (*arguments[:1], *wrong, *arguments[3:]) if wrong[0] == "--data" else (*arguments, *wrong)
        ran = kwsd(*chosen)
        assert (ran.status, ran.out) == (2, ""), ran.err
        assert "--add" in ran.err
        assert told in ran.err
    assert not (tmp_path / "runs").exists()

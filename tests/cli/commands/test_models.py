"""`kwsd models` shows what the cards say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exported_files import CONTRACT, model, written
from json_files import change
from users import unprivileged

from kwsd.cli.card_facts import flattened
from kwsd.zoo import ModelCard

Command = Callable[..., Any]

SPOKEN = Path(__file__).parents[2] / "recordings" / "sentence.flac"


def test_a_model_by_its_folder(kwsd: Command, tiny_model: Path) -> None:
    ran = kwsd("models", "info", tiny_model)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert ran.status == 0
    assert lines[0] == "tiny"
    assert "words 2: yes, no" in lines
    assert "licence CC0-1.0" in lines
    assert "score validation, accuracy: 0.5" in lines
    assert "score cpu s per s: 0.01" in lines


def test_json(kwsd: Command, tiny_model: Path) -> None:
    found = json.loads(kwsd("models", "info", tiny_model, "--format", "json").out)
    assert found["words"] == ["yes", "no"]
    assert found["size_bytes"] == (tiny_model / "model.safetensors").stat().st_size
    assert set(found["thresholds"]) == {"yes", "no"}


@pytest.fixture
def told_of(tiny_model: Path, tmp_path: Path) -> Path:
    """A model whose card tells all that a card can."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "tiny"))
    verifier = {"model": "larger", "asked_from": 0.02, "weight": 0.5, "thresholds": {"yes": 0.8}}
    change(
        folder / "card.json", thresholds={"yes": 0.9, "no": 0.7}, smoothing=3, substitution=0.25, latest_ms=450,
        second_chance=3, verifier=verifier,
    )  # fmt: skip
    return folder


def test_how_a_word_fires_is_told(kwsd: Command, told_of: Path) -> None:
    told = " ".join(kwsd("models", "info", told_of).out.split())
    assert f"folder {told_of} verifier larger, used where a word scores 0.02 or more; kwsd listen --no-verify" in told
    fires = "fires by its score, in which another listened word counts 0.25 of what no word does fires within 450 ms of"
    assert fires in told


def test_the_facts_stand_in_one_column(kwsd: Command, told_of: Path) -> None:
    lines = kwsd("models", "info", told_of).out.splitlines()
    starts = [line.index(text) for text in ("2: yes", "its score,", "450 ms") for line in lines if text in line]
    assert starts == [starts[0]] * 3


@pytest.mark.parametrize(
    ("yes", "no", "told"),
    [
        (0.998, 0.998, "fires at 0.9613 if it is said again within 6 s"),
        (0.998, 0.9, "at a lower score"),
        (0.95, 0.9, ""),
    ],
)
def test_what_a_second_chance_takes_is_told_where_there_is_one(
    yes: float, no: float, told: str, kwsd: Command, told_of: Path
) -> None:
    change(told_of / "card.json", verifier=None, thresholds={"yes": yes, "no": no})
    out = " ".join(kwsd("models", "info", told_of).out.split())
    assert told in out
    assert ("second chance" in out) == bool(told)


def test_json_tells_all_that_the_card_does(kwsd: Command, told_of: Path) -> None:
    assert json.loads(kwsd("models", "info", told_of, "--format", "json").out) == {
        "name": "tiny", "kind": "kwsd", "folder": str(told_of), "words": ["yes", "no"],
        "labels": ["yes", "no", "_unknown_", "_silence_"], "thresholds": {"yes": 0.8, "no": 0.7}, "verifier": "larger",
        "verifiers": ["larger"], "smoothing": 3, "substitution": 0.25, "latest_ms": 450, "second_chance": 3,
        "window_s": 1.0, "heard_s": 1.0, "about_s": 1.0,
        "rate_hz": 16_000, "licence": "CC0-1.0", "size_bytes": (told_of / "model.safetensors").stat().st_size,
        "scores": {"validation": {"accuracy": 0.5}, "cpu_s_per_s": 0.01},
    }  # fmt: skip


def test_json_names_all_verifiers_in_the_order_in_which_they_are_asked(kwsd: Command, tiny_model: Path) -> None:
    found = json.loads(kwsd("models", "info", "hubert-commands", "--format", "json").out)
    assert found["verifiers"] == ["moonshine-commands", "whisper-commands"]
    assert found["verifier"] == "moonshine-commands"
    assert json.loads(kwsd("models", "info", tiny_model, "--format", "json").out)["verifiers"] == []


def test_the_window_of_a_model_with_a_verifier_is_what_window_takes(kwsd: Command) -> None:
    found = json.loads(kwsd("models", "info", "hubert-commands", "--format", "json").out)
    assert (found["window_s"], found["heard_s"]) == (1.0, 2.0)


def test_a_model_of_others(kwsd: Command, foreign: Callable[[str], Path], clap: Path) -> None:
    found = json.loads(kwsd("models", "info", foreign("ast"), "--format", "json").out)
    assert found["kind"] == "classifier"
    assert found["labels"] == ["yes", "no", "up", "down", "_unknown_", "_silence_", "stop"]
    assert found["words"] == ["yes", "no", "up", "down", "stop"]
    assert found["window_s"] == pytest.approx(0.655)
    told = kwsd("models", "info", clap).out
    assert "--labels" in told
    assert "10 s at once, at 48000 Hz" in told


def test_a_folder_whose_name_holds_control_characters(
    kwsd: Command, foreign: Callable[[str], Path], tmp_path: Path
) -> None:
    """A name goes to terminals, events and exported files."""
    model = Path(shutil.copytree(foreign("hubert"), tmp_path / "my\nown\x1b[31m"))
    ran = kwsd("models", "info", model)
    assert (ran.status, ran.out.splitlines()[0]) == (0, r"my\nown\x1b[31m")
    assert "\x1b" not in ran.out
    assert kwsd("models", "info", model, "--format", "json").out.count(r"my\\nown\\x1b[31m") == 1


def test_a_row_of_the_list(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are counted, not what else is a label; the first figure stands for all, and "-" for none."""
    figures = {"clips": {"all_words": 0.98765432}, "cpu_s_per_s": 0.0512, "other": 1}
    words = ModelCard("own", Path(), ("yes", "no", "_silence_"), {}, "CC0-1.0", 12_340_000, figures)
    odd = ModelCard("odd", Path(), (), {}, "mit", 600_000, {"cpu_s_per_s": "little"}, kind="zero-shot")
    bare = replace(odd, name="bare", scores={})
    monkeypatch.setattr("kwsd.zoo.shipped_models", lambda: [words])
    monkeypatch.setattr("kwsd.zoo.pulled_models", lambda: [odd, bare])
    rows = [re.split("  +", line) for line in kwsd("models").out.splitlines()]
    assert rows == [
        ["model", "labels", "size", "licence", "cpu s/s", "score"],
        ["own", "2", "12.3 MB", "CC0-1.0", "0.0512", "clips, all words: 0.987654"],
        ["odd", "any", "0.6 MB", "mit", "-", "cpu s per s: little"],
        ["bare", "any", "0.6 MB", "mit", "-", "-"],
    ]


def test_lengths_in_json_are_seconds_whatever_the_models_rate(kwsd: Command, tmp_path: Path) -> None:
    file = written(tmp_path / "tiny.onnx", model(replace(CONTRACT, about=4_000)))
    found = json.loads(kwsd("models", "info", file, "--format", "json").out)
    assert [found[key] for key in ("rate_hz", "window_s", "heard_s", "about_s")] == [8_000, 1.0, 1.0, 0.5]


def test_of_many_words_the_first_are_told(kwsd: Command, tmp_path: Path) -> None:
    labels = (*(f"w{number}" for number in range(61)), "_silence_")
    contract = replace(CONTRACT, labels=labels, thresholds={})
    file = written(tmp_path / "many.onnx", model(contract, count=len(labels)))
    told = " ".join(kwsd("models", "info", file).out.split())
    assert f"words 61: {', '.join(labels[:60])} and 1 more hears 1 s at once, at 8000 Hz size" in told
    assert f"file {file} fires by" in told


def test_without_a_command_the_list_has_its_format_too(kwsd: Command) -> None:
    assert kwsd("models", "--format", "json") == kwsd("models", "list", "--format", "json")
    ran = kwsd("models", "--format", "json", "info", "hubert-commands")
    assert (ran.status, ran.out) == (2, "")
    assert "--format goes behind the command: kwsd models info --format" in ran.err


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_file_of_a_model_that_is_closed_to_us(foreign: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    model = Path(shutil.copytree(foreign("hubert"), tmp_path / "mine"))
    (model / name).chmod(0)
    command = [*unprivileged(), sys.executable, "-m", "kwsd", "models", "info", model]
    done = subprocess.run(command, capture_output=True, text=True)
    told = f"kwsd: error: {model / name}: Permission denied: check its permissions, or name another model\n"
    assert (done.returncode, done.stdout, done.stderr) == (78, "", told)


def test_what_may_have_been_meant(kwsd: Command, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "best.pt").touch()
    (tmp_path / "model").symlink_to(tiny_model)
    for name, hint in (
        ("runs/clips/model", f"looked for it in {Path.cwd()}: check the path"),
        (tmp_path / "best.pt", f"did you mean {tmp_path / 'model'}?"),
        (tiny_model / "model.safetensors", f"did you mean {tiny_model}?"),
        (Path(__file__), "name a model's folder, or one of kwsd's own"),
    ):
        ran = kwsd("models", "info", name)
        assert (ran.status, ran.out) == (78, "")
        assert hint in ran.err


def test_every_verifier_is_named(kwsd: Command) -> None:
    told = " ".join(kwsd("models", "info", "hubert-commands").out.split())
    assert "verifier moonshine-commands, used where a word scores 0.25 or more; kwsd listen --no-verify" in told
    assert "verifier whisper-commands, used where a word scores 0.25 or more with moonshine-commands, too" in told


def test_how_much_a_model_hears_is_not_what_its_verifier_does(kwsd: Command) -> None:
    told = " ".join(kwsd("models", "info", "hubert-commands").out.split())
    assert "hears 1 s at once, at 16000 Hz; its verifier 2 s" in told
    told = " ".join(kwsd("models", "info", "moonshine-commands").out.split())
    assert "hears 2 s at once, at 16000 Hz; its scores are about the last 1 s" in told


@pytest.mark.parametrize("name", ["x", "x.onnx"])
def test_a_model_behind_a_closed_door_is_a_wrong_one(closed: Path, name: str) -> None:
    command = [*unprivileged(), sys.executable, "-m", "kwsd", "listen", SPOKEN, "--model", closed / name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (78, "")
    assert f"kwsd: error: {closed / name}: Permission denied: check the name and its permissions" in done.stderr


@pytest.mark.parametrize("command", [("listen", SPOKEN, "--model"), ("models", "info"), ("export",)])
def test_a_name_too_long_for_any_folder_is_a_wrong_model(kwsd: Command, command: tuple[Any, ...]) -> None:
    ran = kwsd(*command, 300 * "x")
    assert (ran.status, ran.out) == (78, "")
    assert "File name too long" in ran.err


def test_none_shipped_is_an_error(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.zoo.shipped_models", list)
    monkeypatch.setattr("kwsd.zoo.pulled_models", list)
    ran = kwsd("models")
    assert (ran.status, ran.out) == (78, "")


def test_a_folder_without_a_model(kwsd: Command, tmp_path: Path) -> None:
    ran = kwsd("models", "info", tmp_path)
    assert ran.status == 78
    assert "is not a model folder" in ran.err


def test_scores_of_any_shape() -> None:
    scores = {"clips": {"all_words": 0.98765432, "by": {"yes": 1}}, "tried": ["a", "b"]}
    assert list(flattened(scores)) == [("clips, all words", "0.987654"), ("clips, by, yes", "1"), ("tried", "a, b")]

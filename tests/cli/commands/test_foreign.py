"""Models of others, from the command line: listen, classify, eval and doctor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.audio.scale import to_float

Command = Callable[..., Any]
Foreign = Callable[[str], Path]

FIRES = ("--no-gate", "--threshold", "0.001", "--smoothing", "1", "--hop", "500", "--device", "cpu")
CPU = ("--device", "cpu")
COMMANDS = Path(__file__).parents[2] / "recordings" / "commands.flac"
SOUNDS = "a dog barking, glass breaking, a doorbell"


@pytest.mark.parametrize("architecture", ["hubert", "ast", "whisper"])
def test_listening(kwsd: Command, foreign: Foreign, clips: Path, architecture: str) -> None:
    model = foreign(architecture)
    ran = kwsd("listen", clips / "yes" / "0.wav", "--model", model, *FIRES, "--events", "all")
    assert ran.status == 0, ran.err
    events = [json.loads(line) for line in ran.out.splitlines()]
    words = {event["word"] for event in events if event["type"] == "detection"}
    assert words
    assert words <= {"yes", "no", "up", "down", "stop"}  # never _unknown_ nor _silence_
    assert {event["model"] for event in events if event["type"] == "ready"} == {architecture}


def test_listening_for_what_one_says(kwsd: Command, clap: Path, clips: Path) -> None:
    arguments = ("listen", clips / "yes" / "0.wav", "--model", clap, *FIRES)
    ran = kwsd(*arguments, "--labels", SOUNDS, "--window", "2")
    assert ran.status == 0, ran.err
    words = {json.loads(line)["word"] for line in ran.out.splitlines()}
    assert words
    assert words <= {"a dog barking", "glass breaking", "a doorbell"}
    none = kwsd(*arguments)
    assert (none.status, none.out) == (78, "")
    assert "--labels" in none.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--window", "2"), "takes at most 0.655 s"),
        (("--labels", "a, b"), "its own labels; leave it out (kwsd listen --words chooses among the model's)"),
        (("--words", "zebra"), "does not know 'zebra'"),
        (("--hop", "700"), "the scores of ast are about 655 ms of sound; set it to 650 or less"),
    ],
)
def test_what_a_model_cannot_do(kwsd: Command, foreign: Foreign, arguments: tuple[str, ...], text: str) -> None:
    ran = kwsd("listen", COMMANDS, "--model", foreign("ast"), *arguments)
    assert (ran.status, ran.out) == (78, "")
    assert text in ran.err
    assert ran.err.count("\n") == 1


def test_a_whole_file_scores_as_in_the_pipeline(kwsd: Command, foreign: Foreign) -> None:
    from transformers import pipeline

    model = foreign("wav2vec2")
    ran = kwsd("classify", COMMANDS, "--model", model, "--format", "json", *CPU)
    assert ran.status == 0, ran.err
    (line,) = ran.out.splitlines()
    told = json.loads(line)
    answer = pipeline("audio-classification", model=str(model), device="cpu")(to_float(read_clip(COMMANDS)), top_k=5)
    assert told["schema"] == 1
    assert told["file"] == str(COMMANDS)
    assert [entry["label"] for entry in told["labels"]] == [entry["label"] for entry in answer]
    scores = [[entry["score"] for entry in entries] for entries in (told["labels"], answer)]
    np.testing.assert_allclose(*scores, atol=1e-4)


def test_a_file_in_short_pieces_is_no_matter_of_smoothing(kwsd: Command, foreign: Foreign) -> None:
    ran = kwsd("classify", COMMANDS, "--model", foreign("wav2vec2"), "--window", "0.1", *CPU)
    assert (ran.status, ran.err) == (0, "")


def test_a_file_that_is_closed_to_us_keeps_no_other_from_being_heard(
    kwsd: Command, foreign: Foreign, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # so it seems; to root, who runs many tests, none is
    ran = kwsd("classify", clips / "yes" / "0.wav", "--model", foreign("whisper"), *CPU)
    assert (ran.status, ran.out.count("label")) == (0, 1)


def test_zero_shot_on_files(kwsd: Command, clap: Path, clips: Path) -> None:
    file = clips / "no" / "1.wav"
    ran = kwsd("classify", file, "--model", clap, "--labels", SOUNDS, "--format", "json", *CPU)
    assert ran.status == 0, ran.err
    labels = json.loads(ran.out)["labels"]
    assert {entry["label"] for entry in labels} == {"a dog barking", "glass breaking", "a doorbell"}
    assert sum(entry["score"] for entry in labels) == pytest.approx(1, abs=1e-4)


def test_evaluation_and_doctor(kwsd: Command, foreign: Foreign, clap: Path, clips: Path) -> None:
    ran = kwsd("eval", "clips", clips, "--model", foreign("ast"), "--json", "-", *CPU)
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["model"] == "ast"
    ran = kwsd("eval", "clips", clips, "--model", clap, "--labels", "yes,no", "--window", "1", "--json", "-", *CPU)
    assert ran.status == 0, ran.err
    found = json.loads(kwsd("doctor", "--model", foreign("ast"), "--format", "json").out)
    scoring = next(entry for entry in found if entry["what"] == "scoring")
    assert scoring["found"].startswith("0.655 s in ")


def test_labels_with_commas_can_be_quoted(kwsd: Command, foreign: Foreign) -> None:
    ran = kwsd("listen", COMMANDS, "--model", foreign("ast"), "--words", '"Male speech, man speaking",yes')
    assert "'Male speech, man speaking'" in ran.err


def test_streams_and_negatives(kwsd: Command, foreign: Foreign, clips: Path) -> None:
    heard = ("--model", foreign("ast"), "--threshold", "0.001", "--smoothing", "1", "--hop", "500", *CPU, "--json", "-")
    table = COMMANDS.with_suffix(".tsv")
    ran = kwsd("eval", "stream", COMMANDS, table, "--labels", "yes,no,stop", *heard)
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["words"] == 3
    ran = kwsd("eval", "negatives", clips, "--sounds", "--no-gate", *heard)
    assert ran.status == 0, ran.err
    found = json.loads(ran.out)
    assert {alarm["word"] for alarm in found["alarms"]} <= {"yes", "no", "up", "down", "stop"}
    assert found["alarms"]

"""Models of others, from the command line: listen, classify, eval and doctor."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.audio.decoding.files import read_clip
from kwsd.audio.resample import resampled
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


def test_a_file_at_another_rate_in_stereo(kwsd: Command, foreign: Foreign, tmp_path: Path) -> None:
    import soundfile

    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000).astype(np.float32) / 2
    soundfile.write(tmp_path / "wide.wav", np.stack([tone, tone], axis=1), 48_000, subtype="FLOAT")
    soundfile.write(tmp_path / "plain.wav", resampled(tone[None], 48_000, 16_000)[0], 16_000, subtype="FLOAT")
    files = [tmp_path / "wide.wav", tmp_path / "plain.wav"]
    ran = kwsd("classify", *files, "--model", foreign("hubert"), "--format", "json", "--top", "7", *CPU)
    wide, plain = [{e["label"]: e["score"] for e in json.loads(line)["labels"]} for line in ran.out.splitlines()]
    assert wide == pytest.approx(plain, abs=1e-4)
    assert len(plain) == 7


def test_a_file_that_is_closed_to_us_keeps_no_other_from_being_heard(
    kwsd: Command, foreign: Foreign, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # so it seems; to root, who runs many tests, none is
    ran = kwsd("classify", clips / "yes" / "0.wav", "--model", foreign("whisper"), *CPU)
    assert (ran.status, ran.out.count("label")) == (0, 1)


def test_a_table(kwsd: Command, foreign: Foreign, clips: Path) -> None:
    files = sorted((clips / "yes").iterdir())
    ran = kwsd("classify", *files, "--model", foreign("whisper"), "--top", "2", *CPU)
    assert ran.status == 0
    for file in files:
        assert str(file) in ran.out
    assert ran.out.count("label") == len(files)
    assert len(ran.out.splitlines()) == len(files) * 5  # name, head, two labels, nothing


def test_a_terminal_says_which_file_is_being_heard(
    kwsd: Command, foreign: Foreign, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.cli.console._on_terminal", lambda _: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # so rich takes it for one, too
    odd = tmp_path / "a\nb.wav"
    odd.write_bytes((clips / "yes" / "0.wav").read_bytes())
    ran = kwsd("classify", odd, "--model", foreign("whisper"), "--format", "json", *CPU)
    assert ran.status == 0
    assert "hearing " in ran.err
    assert "a\\nb.wav" in ran.err.replace("\n", "")  # the path may be longer than the line
    assert "hearing" not in ran.out


def test_kwsds_own_model_classifies_too(kwsd: Command, tiny_model: Path, clips: Path) -> None:
    ran = kwsd("classify", clips / "no" / "1.wav", "--model", tiny_model, "--top", "9", "--format", "json", *CPU)
    labels = json.loads(ran.out)["labels"]
    assert {entry["label"] for entry in labels} == {"yes", "no", "_unknown_", "_silence_"}
    assert sum(entry["score"] for entry in labels) == pytest.approx(1, abs=1e-4)


def test_zero_shot_on_files(kwsd: Command, clap: Path, clips: Path) -> None:
    file = clips / "no" / "1.wav"
    ran = kwsd("classify", file, "--model", clap, "--labels", SOUNDS, "--format", "json", *CPU)
    assert ran.status == 0, ran.err
    labels = json.loads(ran.out)["labels"]
    assert {entry["label"] for entry in labels} == {"a dog barking", "glass breaking", "a doorbell"}
    assert sum(entry["score"] for entry in labels) == pytest.approx(1, abs=1e-4)


def test_a_pipe_is_not_classified(kwsd: Command) -> None:
    ran = kwsd("classify", "-")
    assert (ran.status, ran.out) == (2, "")
    assert "kwsd listen - reads that" in ran.err


def test_bad_files_are_named_and_skipped(kwsd: Command, foreign: Foreign, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"no sound at all")
    good = clips / "no" / "1.wav"
    files = [tmp_path / "noise.wav", good, tmp_path / "nowhere.wav", clips]
    ran = kwsd("classify", *files, "--model", foreign("hubert"), "--format", "json", *CPU)
    assert ran.status == 66
    assert [json.loads(line)["file"] for line in ran.out.splitlines()] == [str(good)]
    for bad in ("noise.wav", "nowhere.wav", f"{clips}: a folder"):
        assert bad in ran.err
    assert "3 of 4 files could not be read" in ran.err
    assert kwsd("classify", clips, "--model", foreign("hubert"), *CPU).err.count("\n") == 1  # one needs no count


def test_a_name_that_is_not_utf_8(kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav")
    shutil.copy(clips / "no" / "1.wav", odd)
    broken = tmp_path / os.fsdecode(b"\xff.wav")
    broken.write_bytes(b"no sound")
    for kind in ("text", "json"):
        ran = kwsd("classify", broken, odd, "--model", tiny_model, "--format", kind, *CPU)
        assert ran.status == 66
        assert str(tmp_path / "caf\ufffd.wav") in (json.loads(ran.out)["file"] if kind == "json" else ran.out)
    ran = kwsd("listen", odd, "--model", tiny_model, *FIRES, "--format", "json")
    assert ran.status == 0, ran.err
    assert {json.loads(line)["stream"] for line in ran.out.splitlines()} == {"caf\ufffd.wav"}


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


def test_kwsds_own_model_at_another_length_than_its_graph(kwsd: Command) -> None:
    from transformers import pipeline

    model = Path(__file__).parents[3] / "models" / "hubert-commands"
    ran = kwsd("classify", COMMANDS, "--format", "json", *CPU)
    assert ran.status == 0, ran.err
    answer = pipeline("audio-classification", model=str(model), device="cpu")(to_float(read_clip(COMMANDS)), top_k=5)
    told = {entry["label"]: entry["score"] for entry in json.loads(ran.out)["labels"]}
    assert told == pytest.approx({entry["label"]: entry["score"] for entry in answer}, abs=1e-4)
    assert kwsd("listen", COMMANDS, "--window", "1.5", *CPU).status == 0


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

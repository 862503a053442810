"""`kwsd eval negatives`, with a model that knows nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from json_files import read

Command = Callable[..., Any]

CHEAP = ("--device", "cpu", "--hop", "500")


def test_negatives(kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path) -> None:
    arguments = ("--model", tiny_model, *CHEAP, "--no-gate", "--threshold", 0.001, "--smoothing", 1)
    out = tmp_path / "out.json"
    ran = kwsd("eval", "negatives", clips, *arguments, "--json", out, "--save-snippets", tmp_path / "hard")
    assert ran.status == 0, ran.err
    found = read(out)
    assert found["recordings"] > 0
    assert found["gate"] is False
    assert found["false_alarms"] > 0  # at so low a threshold anything fires
    snippets = [Path(alarm["snippet"]) for alarm in found["alarms"]]
    assert all(path.is_file() for path in snippets)


def test_talk_with_a_word_that_sounds_like_one_is_left_out(kwsd: Command, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "talk").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "talk" / f"{name}.wav", np.zeros(16_000, np.int16), 16_000)
    (tmp_path / "said.tsv").write_text("a\tas you know\nb\tnothing\n")
    given = (tmp_path / "talk", "--transcripts", tmp_path / "said.tsv", "--model", tiny_model, *CHEAP)
    out = tmp_path / "out.json"
    assert kwsd("eval", "negatives", *given, "--json", out).status == 0
    assert read(out)["recordings"] == 2
    assert kwsd("eval", "negatives", *given, "--without", "know,write", "--json", out).status == 0
    assert read(out)["recordings"] == 1
    assert read(out)["notes"] == ["sentences left out for a word that they contain: 1"]


def test_no_folder_is_made_where_there_is_nothing_to_hear(kwsd: Command, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = kwsd("eval", "negatives", tmp_path / "empty", "--model", tiny_model, "--save-snippets", tmp_path / "hard")
    assert ran.status == 66
    assert not (tmp_path / "hard").exists()


def test_the_report_is_told_though_its_snippets_cannot_be_written(
    kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path
) -> None:
    for word in ("yes", "no"):
        (tmp_path / "hard").mkdir(exist_ok=True)
        (tmp_path / "hard" / f"not_{word}").write_text("in the way")
    arguments = ("--model", tiny_model, *CHEAP, "--no-gate", "--threshold", 0.001, "--smoothing", 1)
    ran = kwsd("eval", "negatives", clips, *arguments, "--save-snippets", tmp_path / "hard")
    assert ran.status == 73
    assert "What fired" in ran.out
    warning, error = ran.err.splitlines()
    assert "cannot be written" in warning
    assert error.startswith("kwsd: error: ")
    assert "snippets are missing" in error


def test_negatives_without_a_word_that_a_table_tells(
    kwsd: Command, tiny_model: Path, clips: Path, tmp_path: Path
) -> None:
    names = sorted(path.stem for path in clips.rglob("*.wav"))
    said = tmp_path / "said.tsv"
    said.write_text("".join(f"{name}\tnothing\n" for name in names[1:]) + f"{names[0]}\tand yes\n", encoding="utf-8")
    out = tmp_path / "out.json"
    arguments = ("--model", tiny_model, *CHEAP, "--labels", "yes", "--transcripts", said, "--json", out)
    assert kwsd("eval", "negatives", clips, *arguments).status == 0
    kept = [path for path in clips.rglob("*.wav") if path.stem != names[0]]
    assert read(out)["recordings"] == len(kept)

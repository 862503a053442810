"""`kwsd classify`: the labels of whole recordings, as text and as JSON, and files that are none."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_networks import LABELS, drawn

from kwsd.audio.decoding.files import read_clip
from kwsd.audio.resample import resampled
from kwsd.audio.scale import to_float
from kwsd.evaluation.output_files import save_wav
from kwsd.exporting.export import export_model
from kwsd.networks.whisper import WhisperSpotterModel
from kwsd.samples import RATE
from kwsd.zoo import load_classifier, read_card

Command = Callable[..., Any]
Foreign = Callable[[str], Path]

CPU = ("--device", "cpu")
COMMANDS = Path(__file__).parents[2] / "recordings" / "commands.flac"


@pytest.mark.parametrize(("window", "about"), [(RATE, None), (2 * RATE, RATE)])
def test_a_whisper_hears_a_whole_recording_in_pieces_that_it_can_take(
    kwsd: Command, tmp_path: Path, window: int, about: int | None
) -> None:
    sizes = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    network = drawn(
        WhisperSpotterModel, **sizes, window_samples=window, about_samples=about, max_source_positions=window // 320
    )
    export_model(network, tmp_path / "third", name="third", licence="CC0-1.0")
    noise = np.random.default_rng(6).normal(0, 2000, 2 * RATE).astype(np.int16)
    save_wav(tmp_path / "two.wav", noise)
    padded = to_float(np.concatenate([np.zeros(window - RATE, np.int16), noise]))
    classifier = load_classifier(read_card(str(tmp_path / "third")), device="cpu", on_torch=True)
    direct = classifier.score(np.stack([padded[:window], padded[RATE:]])).mean(axis=0)
    ran = kwsd("classify", tmp_path / "two.wav", "--model", tmp_path / "third", "--format", "json", *CPU)
    found = {label["label"]: label["score"] for label in json.loads(ran.out)["labels"]}
    assert found == {name: pytest.approx(float(score), abs=1e-5) for name, score in zip(LABELS, direct, strict=True)}
    longer = kwsd("listen", tmp_path / "two.wav", "--model", tmp_path / "third", "--window", 3)
    assert longer.status == 78
    assert f"third takes at most {window // RATE} s; shorten it" in longer.err


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
    fires = ("--no-gate", "--threshold", "0.001", "--smoothing", "1", "--hop", "500")
    ran = kwsd("listen", odd, "--model", tiny_model, *fires, "--format", "json", *CPU)
    assert ran.status == 0, ran.err
    assert {json.loads(line)["stream"] for line in ran.out.splitlines()} == {"caf\ufffd.wav"}


def test_kwsds_own_model_at_another_length_than_its_graph(kwsd: Command) -> None:
    from transformers import pipeline

    model = Path(__file__).parents[3] / "models" / "hubert-commands"
    ran = kwsd("classify", COMMANDS, "--format", "json", *CPU)
    assert ran.status == 0, ran.err
    answer = pipeline("audio-classification", model=str(model), device="cpu")(to_float(read_clip(COMMANDS)), top_k=5)
    told = {entry["label"]: entry["score"] for entry in json.loads(ran.out)["labels"]}
    assert told == pytest.approx({entry["label"]: entry["score"] for entry in answer}, abs=1e-4)
    assert kwsd("listen", COMMANDS, "--window", "1.5", *CPU).status == 0


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

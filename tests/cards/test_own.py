"""What a folder of kwsd's own says; each fault of one is told, and none of it is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_folders import POINTER
from json_files import change
from safetensors.numpy import save_file
from two_words import LABELS, two_words

from kwsd.errors import ModelError
from kwsd.zoo import DEFAULT_THRESHOLD, read_card


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return two_words(tmp_path / "tiny")


def test_what_a_card_says(folder: Path) -> None:
    card = read_card(str(folder))
    assert (card.name, card.licence, card.labels, card.words) == ("two words", "CC0-1.0", LABELS, ("yes", "no"))
    assert card.thresholds == {"yes": 0.5, "no": DEFAULT_THRESHOLD}
    assert card.scores == {"validation": {"a": 1}}
    assert card.smoothing == 2
    change(folder / "card.json", smoothing=5)
    assert read_card(str(folder)).smoothing == 5
    change(folder / "card.json", thresholds={"yes": 0.5, "_unknown_": 0.5})
    assert read_card(str(folder)).thresholds == card.thresholds  # a label, and no word
    assert (card.substitution, card.latest_ms, card.second_chance) == (1, None, 0)
    change(folder / "card.json", substitution=0.1, latest_ms=450, second_chance=3.5)
    card = read_card(str(folder))
    assert (card.substitution, card.latest_ms, card.second_chance) == (0.1, 450, 3.5)
    assert card.size_bytes == (folder / "model.safetensors").stat().st_size


def test_a_checksum_in_capitals_is_the_same(folder: Path) -> None:
    sums = json.loads((folder / "card.json").read_text())["sha256"]
    change(folder / "card.json", sha256={name: value.upper() for name, value in sums.items()})
    assert read_card(str(folder)).labels == LABELS


def test_a_folder_without_a_card_is_named_after_itself(folder: Path) -> None:
    (folder / "card.json").unlink()
    card = read_card(str(folder))
    assert (card.name, card.licence) == ("tiny", "unknown")


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "has no weights (model.safetensors)"),
    "truncated": (lambda f: cut(f), "is damaged, or not from kwsd"),
    "truncated to nothing": (lambda f: (f / "model.safetensors").write_bytes(b""), "SHA-256"),
    "a pointer to weights": (lambda f: (f / "model.safetensors").write_text(POINTER), "and run git lfs pull in that"),
    "wrong checksum": (lambda f: change(f / "card.json", sha256={"model.safetensors": "0" * 64}), "SHA-256"),
    "a checksum that is null": (
        lambda f: change(f / "card.json", sha256={"model.safetensors": None}),
        "the checksum of 'model.safetensors' is not a text",
    ),
    "a listed file is missing": (lambda f: change(f / "card.json", sha256={"other.json": "0" * 64}), "other.json"),
    "checksums that are no table": (lambda f: change(f / "card.json", sha256="0" * 64), "card.json"),
    "a label too few": (lambda f: change(f / "config.json", id2label=dict(enumerate(LABELS[1:]))), "3 labels"),
    "labels with a gap": (lambda f: change(f / "config.json", id2label={"0": "yes", "2": "no"}), "id2label"),
    "no labels": (lambda f: change(f / "config.json", id2label={}), "id2label is empty"),
    "labels that are no table": (lambda f: change(f / "config.json", id2label=7), "id2label"),
    "labels by two counts": (
        lambda f: change(f / "config.json", num_labels=7),
        "num_labels is 7, but id2label names 4",
    ),
    "labels that nobody named": (
        lambda f: change(f / "config.json", id2label=None),
        "names 2 labels, but the weights are for 4",
    ),
    "silence is not last": (
        lambda f: change(f / "config.json", id2label=dict(enumerate(sorted(LABELS)))),
        "the last label must be '_silence_', not 'yes'",
    ),
    "broken config": (lambda f: (f / "config.json").write_text("{"), "config.json"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "does not hold a JSON object"),
    "broken card": (lambda f: (f / "card.json").write_bytes(b"\xff"), "card.json"),
    "a smoothing that is none": (lambda f: change(f / "card.json", smoothing=0), "card.json"),
    "no time to fire": (lambda f: change(f / "card.json", latest_ms=0), "latest_ms"),
    "a second chance at nothing": (lambda f: change(f / "card.json", second_chance=11), "second_chance"),
    "a threshold that rises": (lambda f: change(f / "card.json", second_chance=-0.5), "second_chance"),
    "a chance that is no number": (lambda f: change(f / "card.json", second_chance=True), "second_chance"),
    "substitutions for nothing": (lambda f: change(f / "card.json", substitution=0), "card.json"),
    "a threshold under every score": (lambda f: change(f / "card.json", thresholds={"yes": 0}), "0.001 to 1"),
    "a threshold that is no number": (lambda f: change(f / "card.json", thresholds={"yes": "high"}), "card.json"),
    "a file without end is listed": (lambda f: change(f / "card.json", sha256={"/dev/zero": "0" * 64}), "/dev/zero"),
    "a file elsewhere is listed": (
        lambda f: change(f / "card.json", sha256={"../a": "0" * 64}),
        "there is no such file in that folder",
    ),
    "a window of a moment": (lambda f: change(f / "config.json", window_samples=1_599), "window_samples is 1599, but"),
    "a window that is none": (lambda f: change(f / "config.json", window_samples=[]), "window_samples"),
    "a config without a bottom": (lambda f: (f / "config.json").write_text("[" * 100_000), "config.json"),
    "weights that are one number": (lambda f: scalar(f), "is damaged, or not from kwsd"),
    "a threshold for no word": (lambda f: change(f / "card.json", thresholds={"yes": 0.5, "yess": 0.5}), "'yess'"),
    "a threshold for a word in capitals": (
        lambda f: change(f / "card.json", thresholds={"NO": 0.5}),
        "thresholds name 'NO', which the model does not know; did you mean 'no'?",
    ),
    "a verifier's threshold for no word": (
        lambda f: change(
            f / "card.json", verifier={"model": "b", "asked_from": 0.1, "weight": 0.5, "thresholds": {"dog": 0.5}}
        ),
        "the verifier's thresholds name 'dog'",
    ),
    "a name that is null": (lambda f: change(f / "card.json", name=None), "the name is None"),
    "a name that is a number": (lambda f: change(f / "card.json", name=7), "the name is 7"),
    "a name of nothing": (lambda f: change(f / "card.json", name=" "), "the name is ' '"),
    "a name without end": (lambda f: change(f / "card.json", name=101 * "x"), "must be 1 to 100 printable characters"),
    "a name for the terminal": (lambda f: change(f / "card.json", name="\x1b[2J"), "the name is"),
    "a model that verifies itself": (
        lambda f: change(f / "card.json", verifier={"model": "tiny", "asked_from": 0.1, "weight": 0.5}),
        "names itself as its verifier",
    ),
    "a score that is no number": (
        lambda f: change(f / "card.json", scores={"a": [float("nan")]}),
        "a score is not a finite number",
    ),
    "a card that is a pipe": (lambda f: pipe(f / "card.json"), "card.json is not a regular file"),
    "weights of another model": (lambda f: others(f), "is damaged, or not from kwsd"),
}


def cut(folder: Path) -> None:
    (folder / "card.json").unlink()
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-20])


def others(folder: Path) -> None:
    (folder / "card.json").unlink()
    save_file({"something.else": np.zeros(3, np.float32)}, folder / "model.safetensors")


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def scalar(folder: Path) -> None:
    (folder / "card.json").unlink()
    save_file({"word_head.outer.weight": np.zeros((), np.float32)}, folder / "model.safetensors")


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told(folder: Path, fault: str) -> None:
    spoil, text = FAULTS[fault]
    spoil(folder)
    with pytest.raises(ModelError) as told:
        read_card(str(folder))
    assert text in str(told.value)
    assert str(folder) in str(told.value)
    assert told.value.exit_status == 78


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "weights.pkl", "last.ckpt"])
def test_pickles_are_refused_by_name_and_never_opened(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"cos\nabort\n(tR.")  # whoever unpickles this dies
    with pytest.raises(ModelError, match=f"only {name}, which kwsd never opens"):
        read_card(str(folder))


def test_reading_a_card_imports_no_torch() -> None:
    code = "import sys; from kwsd.zoo import shipped_models; shipped_models(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_its_own_graph_is_no_other_programs(folder: Path) -> None:
    (folder / "graph.onnx").write_bytes(b"a graph")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no weights \(model\.safetensors\): fetch the model again"):
        read_card(str(folder))

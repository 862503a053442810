"""A model as one ONNX file: what it says is believed only as far as it fits, and it opens no other file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from exported_files import (
    CONTRACT,
    LABELS,
    elsewhere,
    model,
    not_numbers,
    saying,
    two_inputs,
    unknown_operator,
    with_entry,
    written,
)
from foreign_folders import POINTER
from onnx import helper, numpy_helper

from kwsd.cards.exported import read_exported
from kwsd.errors import ConfigError, ModelError
from kwsd.zoo import DEFAULT_THRESHOLD, find_model, load_classifier, missing_id, read_card


@pytest.mark.parametrize("label", ["\u0645\u06cc\u200c\u0631\u0648\u0645", "turn\u00a0on"])
def test_correct_spelling_survives_an_export(tmp_path: Path, label: str) -> None:
    contract = replace(CONTRACT, labels=(label, "no", "_silence_"), thresholds={label: 0.5})
    assert read_card(written(tmp_path / "tiny.onnx", model(contract))).words == (label, "no")


def test_an_umlaut_of_two_characters_in_an_earlier_file_is_one(tmp_path: Path) -> None:
    contract = replace(CONTRACT, labels=("gru\u0308n", "no", "_silence_"), thresholds={"gru\u0308n": 0.5})
    card = read_card(written(tmp_path / "tiny.onnx", model(contract)))
    assert (card.words, card.thresholds["gr\u00fcn"]) == (("gr\u00fcn", "no"), 0.5)
    assert load_classifier(card).labels == card.labels


def test_a_file_is_a_card_and_a_classifier(tmp_path: Path) -> None:
    card = read_card(written(tmp_path / "tiny.onnx", model()))
    assert (card.name, card.kind, card.labels, card.words) == ("tiny", "exported", LABELS, ("yes", "no"))
    assert (card.rate, card.window, card.longest) == (8_000, 16_000, 16_000)
    assert card.thresholds == {"yes": 0.5, "no": DEFAULT_THRESHOLD}
    assert (card.smoothing, card.substitution, card.latest_ms, card.second_chance) == (3, 0.1, 450, 3.0)
    assert (card.licence, card.scores) == ("CC0-1.0", {"test": {"a": 1}})
    classifier = load_classifier(card)
    assert (classifier.device, classifier.labels, classifier.name) == ("cpu", LABELS, "tiny")
    loud = np.full((2, 16_000), 0.5, np.float32)
    loud[1] /= 2
    expected = np.exp(np.outer([0.5, 0.25], range(3)))
    np.testing.assert_allclose(
        classifier.score(loud), expected / expected.sum(axis=1, keepdims=True), atol=1e-2
    )  # resampled
    at_its_own = classifier.score(loud[:, :8_000], 8_000)
    np.testing.assert_allclose(at_its_own, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


def test_what_it_says_comes_back(tmp_path: Path) -> None:
    found, data = read_exported(Path(written(tmp_path / "a.onnx", model())))
    assert found == CONTRACT
    assert data == model().SerializeToString()


def test_a_file_of_an_earlier_kwsd_says_nothing_of_substitutions(tmp_path: Path) -> None:
    said = json.loads(CONTRACT.to_metadata()["kwsd_model"])
    del said["substitution"]
    earlier = with_entry(with_entry(model(), "kwsd_model", json.dumps(said)), "kwsd_format", "1")
    assert read_card(written(tmp_path / "a.onnx", earlier)).substitution == 1
    assert replace(CONTRACT, substitution=1.0).to_metadata()["kwsd_format"] == "1"
    assert CONTRACT.to_metadata()["kwsd_format"] == "2"


HOSTILE: dict[str, tuple[Callable[[], onnx.ModelProto | bytes], str]] = {
    "not ONNX": (lambda: b"RIFF....WAVEfmt ", "is not an ONNX model"),
    "empty": (lambda: b"", "is not an ONNX model"),
    "cut off": (lambda: model().SerializeToString()[:-900], "is not an ONNX model"),
    "a stranger's": (lambda: with_entry(with_entry(model(), "kwsd_format", None), "kwsd_model", None), "metadata lack"),
    "no format": (lambda: with_entry(model(), "kwsd_format", None), "metadata lack kwsd_format"),
    "a format to come": (lambda: with_entry(model(), "kwsd_format", "3"), "format '3'"),
    "weights elsewhere": (elsewhere, "keeps weights in other files"),
    "a label too few": (lambda: saying(labels=["yes", "no"]), "2 labels, but 3 scores"),
    "one label": (
        lambda: model(replace(CONTRACT, labels=("yes",)), count=1),
        "only one label, yes, which would score 1 for every sound",
    ),
    "a label twice": (lambda: saying(labels=["yes", "no", "yes"]), "labels 0 and 2 are both 'yes'"),
    "a blank label": (lambda: saying(labels=["yes", " ", "no"]), "label 1 is blank"),
    "a label too many": (lambda: saying(labels=["yes", "no", "up", "_silence_"]), "4 labels, but 3 scores"),
    "no labels": (lambda: saying(labels=[]), "labels"),
    "labels that are none": (lambda: saying(labels=["yes", 3, "no"]), "labels"),
    "a label for the terminal": (lambda: saying(labels=["\x1b[2J", "a", "b"]), "labels"),
    "a name for the terminal": (lambda: saying(name="\x1b[2J"), "name"),
    "a name that nobody sees": (lambda: saying(name=" "), "name"),
    "another input as well": (two_inputs, "its graph does not take 8000 samples"),
    "another window": (lambda: saying(window=4_000), "4000 samples"),
    "a window of an hour": (lambda: saying(window=8_000 * 3_600), "3600 s"),
    "a window beyond all numbers": (lambda: saying(window=10**400), "window"),
    "a rate beyond all numbers": (lambda: saying(rate=10**400, window=10**400), "rate"),
    "a rate that is none": (lambda: saying(rate=-1), "rate"),
    "a rate of nothing": (lambda: saying(rate=0), "rate"),
    "scores about nothing": (lambda: saying(about=0), "about"),
    "scores about a moment": (lambda: saying(about=799), "about"),
    "scores about more than it hears": (lambda: saying(about=8_001), "about"),
    "a rate that is odd": (lambda: saying(rate=7_919), "whole number"),
    "a threshold above one": (lambda: saying(thresholds={"yes": 7}), "thresholds"),
    "two thresholds of a word": (lambda: saying(thresholds={"gr\u00fcn": 0.5, "gru\u0308n": 0.9}), "in two ways"),
    "thresholds in a list": (lambda: saying(thresholds=[0.5]), "thresholds"),
    "smoothing without end": (lambda: saying(smoothing=10**9), "smoothing"),
    "no time to fire": (lambda: saying(latest_ms=0), "latest_ms"),
    "a second chance at nothing": (lambda: saying(second_chance=11), "second_chance"),
    "half a millisecond": (lambda: saying(latest_ms=0.5), "latest_ms"),
    "substitutions for nothing": (lambda: saying(substitution=0), "substitution"),
    "a substitution that is no number": (lambda: saying(substitution="x"), "substitution"),
    "a substitution that is true": (lambda: saying(substitution=True), "substitution"),
    "substitutions dearer than insertions": (lambda: saying(substitution=2), "substitution"),
    "substitutions where several may be meant": (
        lambda: saying(problem_type="multi_label_classification"),
        "substitution",
    ),
    "scores without end": (lambda: saying(scores={"a": {"b": {"c": {"d": {"e": {}}}}}}), "scores"),
    "a score that is no number": (lambda: saying(scores={"a": {"b": [float("nan")]}}), "scores"),
    "a score without end": (lambda: saying(scores={"a": float("inf")}), "scores"),
    "no JSON": (lambda: with_entry(model(), "kwsd_model", "{"), "invalid entry"),
    "a list": (lambda: with_entry(model(), "kwsd_model", "[]"), "invalid entry"),
    "lists without end": (lambda: with_entry(model(), "kwsd_model", "[" * 200_000), "invalid entry"),
}


@pytest.mark.parametrize("seconds", [0.1, 60])
def test_the_shortest_and_the_longest_window_are_taken(tmp_path: Path, seconds: float) -> None:
    window = round(seconds * 8_000)
    contract = replace(CONTRACT, window=window, about=window)
    card = read_card(written(tmp_path / "TINY.ONNX", model(contract, window=window)))
    assert (card.window, card.spoken) == (2 * window, 2 * window)


def test_a_licence_may_be_blank_as_it_may_in_the_card_that_was_exported(tmp_path: Path) -> None:
    assert read_card(written(tmp_path / "tiny.onnx", saying(licence=" "))).licence == " "


@pytest.mark.parametrize("fault", HOSTILE)
def test_what_does_not_fit_is_told_in_a_line(tmp_path: Path, fault: str) -> None:
    make, text = HOSTILE[fault]
    made = make()
    path = tmp_path / "a.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    with pytest.raises(ModelError, match=r"kwsd export MODEL --out DIR") as told:
        read_card(str(path))
    assert text in str(told.value)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_git_has_not_fetched_need_not_be_exported_again(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text(POINTER)
    with pytest.raises(ModelError, match=r"a\.onnx holds no weights.*; install git-lfs, and run git lfs pull in that"):
        read_card(str(tmp_path / "a.onnx"))


def test_one_label_that_need_not_be_there_is_one(tmp_path: Path) -> None:
    alone = replace(CONTRACT, labels=("yes",), problem_type="multi_label_classification", substitution=1.0)
    assert read_card(written(tmp_path / "a.onnx", model(alone, count=1))).words == ("yes",)


def test_a_threshold_for_no_label(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", saying(thresholds={"Yes": 0.5, **{f"other{n}": 0.5 for n in range(4)}}))
    with pytest.raises(ModelError, match=r"name 'Yes', 'other0', 'other1' and 2 more, .*; did you mean 'yes'\?"):
        read_card(path)


@pytest.mark.parametrize("make", [unknown_operator, not_numbers])
def test_a_graph_that_cannot_be_run(tmp_path: Path, make: Callable[[], onnx.ModelProto]) -> None:
    card = read_card(written(tmp_path / "a.onnx", make()))
    with pytest.raises(ModelError, match=r"a\.onnx: .*export the model again"):
        load_classifier(card)


def test_what_a_file_names_reaches_no_terminal_past_kwsd(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime would print the name of a node that fails, as the file spells it."""
    made = model()
    made.graph.initializer.append(numpy_helper.from_array(np.array([0, 1, 99]), "beyond"))
    made.graph.node[1].output[0] = "all"
    made.graph.node.insert(2, helper.make_node("Gather", ["all", "beyond"], ["sums"], axis=1, name="\x1b]0;mine\x07"))
    card = read_card(written(tmp_path / "a.onnx", made))
    with pytest.raises(ModelError, match="export the model again"):
        load_classifier(card)
    assert capfd.readouterr().err == ""


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        read_card("someone/model.onnx")
    assert missing_id("someone/model.onnx") is None  # never asked of the Hub
    (tmp_path / "a.onnx").mkdir()
    with pytest.raises(ModelError, match=r"no config\.json"):
        read_card(str(tmp_path / "a.onnx"))


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").touch()
    os.truncate(tmp_path / "m.onnx", 1 << 40)
    with pytest.raises(ModelError, match=r"m\.onnx has 1099512 MB, more than such a file can need; name another"):
        read_card(str(tmp_path / "m.onnx"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"a\.onnx is not a regular file; name another"):
        read_card(str(tmp_path / "a.onnx"))
    with pytest.raises(ModelError, match="/dev/null is not a regular file"):
        read_exported(Path("/dev/null"))


def test_where_a_folder_is_wanted_or_a_gpu(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", model())
    with pytest.raises(ModelError, match="name the model that it was made from"):
        find_model(path)
    with pytest.raises(ConfigError, match="runs only on the CPU"):
        load_classifier(read_card(path), device="cuda")

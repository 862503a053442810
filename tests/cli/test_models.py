"""`kwsd models` shows what the cards say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.cli.models import flattened

Command = Callable[..., Any]


def test_a_model_by_its_folder(kwsd: Command, tiny_model: Path) -> None:
    ran = kwsd("models", tiny_model)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert ran.status == 0
    assert lines[0] == "tiny"
    assert "words 2: yes, no" in lines
    assert "licence CC0-1.0" in lines
    assert "score validation, accuracy: 0.5" in lines
    assert "score cpu s per s: 0.01" in lines


def test_json(kwsd: Command, tiny_model: Path) -> None:
    (found,) = json.loads(kwsd("models", tiny_model, "--format", "json").out)
    assert found["words"] == ["yes", "no"]
    assert found["size_bytes"] == (tiny_model / "model.safetensors").stat().st_size
    assert set(found["thresholds"]) == {"yes", "no"}


def test_none_shipped_is_an_error(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.zoo.shipped_models", list)
    ran = kwsd("models")
    assert (ran.status, ran.out) == (78, "")


def test_a_folder_without_a_model(kwsd: Command, tmp_path: Path) -> None:
    ran = kwsd("models", tmp_path)
    assert ran.status == 78
    assert "no model folder" in ran.err


def test_scores_of_any_shape() -> None:
    scores = {"clips": {"all_words": 0.98765432, "by": {"yes": 1}}, "tried": ["a", "b"]}
    assert list(flattened(scores)) == [("clips, all words", "0.987654"), ("clips, by, yes", "1"), ("tried", "a, b")]

"""Graphs are held against the network that they were drawn of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from drawn_networks import drawn_hubert

from kwsd.errors import ModelError
from kwsd.exporting.agreement import agreement, compare
from kwsd.exporting.own_graph import drawing


def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    folder = drawn_hubert(tmp_path / "tiny")
    float32, int8 = (drawing(folder, quantised=quantised)[0] for quantised in (False, True))
    for node in float32.graph.node:
        if node.op_type == "Gelu":
            node.op_type = "QuickGelu"
    with pytest.raises(ModelError, match="differ from the model's by"):
        compare(folder, float32.SerializeToString(), int8.SerializeToString())


def test_scores_that_are_no_numbers_are_no_agreement() -> None:
    right, wrong = (SimpleNamespace(score=lambda _, value=value: np.full((2, 3), value)) for value in (0.5, np.nan))
    with pytest.raises(ModelError, match="differ from the model's by"):
        agreement("odd", right, wrong, right, np.zeros((2, 16_000), np.float32))  # type: ignore[arg-type]  # enough


def test_one_score_of_many_that_is_off_is_no_agreement() -> None:
    scores = np.full((50, 4), 0.25)
    near, off = scores.copy(), scores.copy()
    near[7, 2] += 5e-5
    off[7, 2] += 2e-4
    right, close, wrong = (SimpleNamespace(score=lambda _, rows=rows: rows) for rows in (scores, near, off))
    windows = np.zeros((50, 16_000), np.float32)
    assert agreement("mine", right, close, right, windows).float32 == pytest.approx(5e-5)  # type: ignore[arg-type]  # enough
    with pytest.raises(ModelError, match=r"differ from the model's by 0\.0002"):
        agreement("mine", right, wrong, right, windows)  # type: ignore[arg-type]  # enough


def test_eight_bits_are_measured_by_their_scores_and_best_labels() -> None:
    first, second = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.7, 0.3], [0.45, 0.55]])
    right, rough = (SimpleNamespace(score=lambda _, rows=rows: rows) for rows in (first, second))
    found = agreement("mine", right, right, rough, np.zeros((2, 16_000), np.float32))  # type: ignore[arg-type]  # enough
    assert (found.float32, found.int8, found.same) == (0, pytest.approx(0.2), 0.5)

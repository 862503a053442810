"""Exported files give the folder's scores, for every network that hears samples; others are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kwsd.errors import ModelError
from kwsd.networks.exported import Exported, exported_of
from kwsd.networks.onnx_file import parse_onnx
from kwsd.networks.runtime import OnnxClassifier, load_exported
from kwsd.training.agreement import sounds
from kwsd.training.selfcontained import as_files, check
from kwsd.zoo import load_classifier, read_card


def loaded(data: bytes) -> tuple[Exported, OnnxClassifier]:
    contract = exported_of(parse_onnx(data), "a.onnx")
    return contract, load_exported(contract, data, "a.onnx")


@pytest.mark.parametrize("architecture", ["hubert", "hubert-layer", "wav2vec2", "wavlm", "multi-label"])
def test_scores_are_the_folders(foreign: Callable[[str], Path], architecture: str) -> None:
    card = read_card(str(foreign(architecture)))
    files = as_files(card)
    original = load_classifier(card, device="cpu")
    heard = sounds(card.window, 5)
    expected = original.score(heard)
    contract, exact = loaded(files["float32"])
    np.testing.assert_allclose(exact.score(heard), expected, atol=1e-4)
    np.testing.assert_array_equal(exact.score(heard), [exact.score(window[None])[0] for window in heard])
    assert float(expected.std(axis=0).max()) > 5e-4  # the sounds are told apart: these are no constants
    assert (contract.labels, contract.window) == (card.labels, 16_000)
    assert (contract.problem_type == "multi_label_classification") == (architecture == "multi-label")
    _, coarse = loaded(files["int8"])
    assert 0 < np.abs(coarse.score(heard) - expected).max() < 0.1
    assert b"MatMulInteger" in files["int8"]


def test_a_window_of_ones_own(foreign: Callable[[str], Path]) -> None:
    card = replace(read_card(str(foreign("wav2vec2"))), window=24_000)
    files = as_files(card)
    contract, exact = loaded(files["float32"])
    assert contract.window == 24_000
    heard = sounds(24_000, 3)
    expected = load_classifier(card, device="cpu").score(heard)
    np.testing.assert_allclose(exact.score(heard), expected, atol=1e-4)


def test_what_computes_something_else_is_refused(foreign: Callable[[str], Path]) -> None:
    card, other = (read_card(str(foreign(architecture))) for architecture in ("hubert", "wav2vec2"))
    with pytest.raises(ModelError, match="off by"):
        check(card, as_files(other))


@pytest.mark.parametrize("architecture", ["ast", "whisper"])
def test_spectrograms_are_refused(foreign: Callable[[str], Path], architecture: str) -> None:
    with pytest.raises(ModelError, match=r"hears a spectrogram .* with --model"):
        as_files(read_card(str(foreign(architecture))))

"""A model whose card names a verifier is loaded with it, on either engine, and can be had without it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kwsd.cards.card_writing import write_card
from kwsd.errors import ModelError
from kwsd.exporting.agreement import sounds
from kwsd.networks.cascade import Cascade, pooled
from kwsd.zoo import load_classifier, read_card


@pytest.fixture(scope="module")
def models(verified: Callable[..., Path]) -> Path:
    """A folder of two models: `small`, which `larger` verifies, always and with as much say."""
    return verified(thresholds={"yes": 0.9, "no": 0.7}, verified_at={"yes": 0.8})


def test_both_are_loaded_and_both_have_a_say(models: Path) -> None:
    card = read_card(str(models / "small"))
    assert card.firing == {"yes": 0.8, "no": 0.7}
    windows = sounds(16_000, 4)
    both = load_classifier(card, device="cpu")
    assert isinstance(both, Cascade)
    alone = load_classifier(replace(card, verifier=None), device="cpu")
    second = load_classifier(read_card(str(models / "larger")), device="cpu")
    assert np.allclose(both.score(windows), pooled((alone.score(windows), second.score(windows)), (0.5, 0.5)))
    assert both.asked == 4


def test_torch_scores_the_two_as_onnx_runtime_does(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    for name in ("small", "larger"):
        (tmp_path / "models" / name / "graph.onnx").unlink()
        write_card(tmp_path / "models" / name, {})
    windows = sounds(16_000, 4)
    on_torch = load_classifier(read_card(str(tmp_path / "models" / "small")), device="cpu")
    on_runtime = load_classifier(read_card(str(models / "small")), device="cpu")
    assert np.allclose(on_torch.score(windows), on_runtime.score(windows), atol=0.05)


def test_windows_of_any_length_are_not_verified(models: Path) -> None:
    alone = load_classifier(read_card(str(models / "small")), device="cpu", any_length=True)
    assert not isinstance(alone, Cascade)
    assert alone.score(sounds(24_000, 2)).shape == (2, 4)


def test_on_torch_neither_of_them_is_a_graph(models: Path) -> None:
    card = read_card(str(models / "small"))
    for on_torch, engine in ((True, "TorchClassifier"), (False, "OnnxClassifier")):
        both = load_classifier(card, device="cpu", on_torch=on_torch)
        assert isinstance(both, Cascade)
        assert [type(one).__name__ for one in (both.first, both.second)] == [engine, engine]


def test_without_its_verifier_it_says_what_to_do(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "small", tmp_path / "small")
    card = read_card(str(tmp_path / "small"))
    with pytest.raises(ModelError, match=r"needs its verifier larger.*--no-verify"):
        load_classifier(card, device="cpu")
    assert load_classifier(replace(card, verifier=None), device="cpu").name == "small"


def test_a_verifier_of_other_windows_is_refused_at_once(models: Path) -> None:
    card = replace(read_card(str(models / "small")), window=24_000)
    with pytest.raises(
        ModelError, match=r"larger cannot verify small: it scores 1 s of sound, not 1.5 s; use --no-verify"
    ):
        load_classifier(card, device="cpu")


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("broken", ["small", "larger"])
def test_a_network_that_diverged_is_refused_when_it_is_loaded(
    models: Path, tmp_path: Path, broken: str, graph: bool
) -> None:
    """Its verifier, too, which noise would not ask for; a value that came to no number is in one weight of many."""
    shutil.copytree(models, tmp_path / "models")
    folder = tmp_path / "models" / broken
    weights = load_file(folder / "model.safetensors")
    weights["word_head.outer.bias"][0] = np.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    if not graph:
        (folder / "graph.onnx").unlink()
    write_card(folder, {})
    with pytest.raises(ModelError, match=f"{folder}: its scores are not finite numbers"):
        load_classifier(read_card(str(tmp_path / "models" / "small")), device="cpu")

"""A frozen encoder with kwsd's adapter and head on top is exported as any other classifier is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kwsd.cards.exported import exported_of
from kwsd.cards.onnx_file import parse_onnx
from kwsd.exporting.agreement import sounds
from kwsd.exporting.onnx_files import as_files
from kwsd.networks.onnx_loading import load_exported
from kwsd.training.finetuning.adopting import adopt, export_adopted
from kwsd.training.finetuning.recipe import FinetuneRecipe
from kwsd.zoo import ModelCard, load_classifier, read_card

LABELS = ("high", "low", "_silence_")


def frozen(encoder: Path, folder: Path, window: int) -> ModelCard:
    """What `kwsd train --backbone --frozen` writes, with a head that tells sounds apart by chance."""
    model, extractor = adopt(
        encoder, FinetuneRecipe("ours", "tiny", frozen=True, window_s=window / 16_000), LABELS, "cpu"
    )
    torch.manual_seed(4)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if not name.startswith("encoder."):
                weights.copy_(0.2 * torch.randn_like(weights))
    export_adopted(model, extractor, folder, name="ours", licence="CC0-1.0", scores={})
    return read_card(str(folder))


@pytest.mark.parametrize("architecture", ["hubert", "wav2vec2", "wavlm", "ast", "whisper", "moonshine"])
def test_scores_are_the_folders(foreign: Callable[[str], Path], tmp_path: Path, architecture: str) -> None:
    card = frozen(foreign(architecture), tmp_path / "model", 10_000 if architecture == "ast" else 16_000)
    heard = sounds(card.window, 5)
    expected = load_classifier(card, device="cpu").score(heard)
    assert float(expected.std(axis=0).max()) > 5e-4
    assert expected.max() < 0.999
    files = as_files(card)
    for kind, tolerance in (("float32", 1e-4), ("int8", 0.1)):
        contract = exported_of(parse_onnx(files[kind]), kind)
        assert (contract.name, contract.labels, contract.window) == ("ours", LABELS, card.window)
        scores = load_exported(contract, files[kind], kind).score(heard)
        np.testing.assert_allclose(scores, expected, atol=tolerance)

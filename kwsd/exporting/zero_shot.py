"""CLAP as a network to trace: from samples to the probabilities of labels, whose embeddings are constants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import ClapModel

from kwsd.exporting.tracing import front_end
from kwsd.networks.auto_classifier import load_extractor, whole
from kwsd.networks.clap import embedded, load_tokenizer
from kwsd.networks.loading import loading


class _ZeroShot(nn.Module):
    """Maps samples to scores of fixed labels, as `kwsd.networks.clap.ZeroShotClassifier` does."""

    def __init__(self, heard: nn.Module, model: Any, text: torch.Tensor) -> None:
        super().__init__()
        self._heard, self._model = heard, model
        # In double precision, which is not quantised to 8 bits: similarities are small, and `text` scales them up.
        self._text = nn.Buffer(text.double())

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, window) float32 -> (batch, labels)."""
        features = self._heard(windows)
        # Always true for a fusion model: the extractor, too, reports so for a single window, whatever its length.
        longer = torch.ones_like(windows[:, :1]) > 0
        sound = self._model.get_audio_features(features, is_longer=longer).pooler_output
        scores: torch.Tensor = (sound.double() @ self._text).float().softmax(dim=-1)
        return scores


def zero_shot_network(folder: Path, name: str, labels: Sequence[str], window: int) -> nn.Module:
    """The CLAP model in `folder` for `labels` and windows of `window` samples at its own rate.

    Raises:
        ModelError: it cannot be loaded, or would hear a random part of the window.
    """
    with loading(name, folder):
        extractor = load_extractor(folder)
        model = whole(ClapModel, folder, name).train(False)
        text = embedded(model, load_tokenizer(folder), labels)
        heard = front_end(extractor, window, name)
    del model.text_model, model.text_projection  # half of the network
    return _ZeroShot(heard, model, text)

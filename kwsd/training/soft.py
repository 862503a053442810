"""Soft labels: what a trained model says of the very windows that a network learns from, noise and room included.

Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". Where a window is half a word, or a sentence sounds
like one, a hard label teaches certainty that nobody has.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kwsd.errors import ConfigError
from kwsd.networks.engine import load_network
from kwsd.networks.heads import SpotterModel
from kwsd.networks.hubert_config import label_names
from kwsd.networks.labels import UNKNOWN
from kwsd.networks.loading import loading
from kwsd.zoo import find_model


class SoftLabels:
    """A frozen model of kwsd's own."""

    def __init__(self, model: SpotterModel) -> None:
        self._model = model.requires_grad_(False)
        self._model.train(False)

    def to(self, device: str) -> None:
        """Compute on the device from now on."""
        self._model.to(device)  # type: ignore[arg-type]  # its decorator hides the method's own signature

    @torch.no_grad()
    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, samples) float32 in [-1, 1) -> (batch, labels): logarithms of probabilities that sum to one."""
        logits: torch.Tensor = self._model(windows).logits
        return logits.float()


def load_soft_labels(model: str, labels: Sequence[str]) -> SoftLabels:
    """The model with a name or in a folder.

    What its export took off the logit of `_unknown_` is put back: scenes hold as much speech that is no word as they
    did when it learned.

    Raises:
        ModelError: there is none, or it cannot be loaded.
        ConfigError: it does not know the same `labels` in the same order.
    """
    folder = find_model(model)
    with loading(model, folder):
        network = load_network(folder)
    if label_names(network.config) != tuple(labels):
        raise ConfigError(f"teacher.scores: {model} does not know the words of this recipe, in this order")
    with torch.no_grad():
        network.word_head.outer.bias[labels.index(UNKNOWN)] += network.config.unknown_offset
    return SoftLabels(network)

"""Soft labels: a trained model's scores for the same augmented windows that a network learns from.

Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". Where a window holds half a word, or a sentence
sounds like one, a hard label would teach a certainty that is not justified.
"""

from __future__ import annotations

import torch

from kwsd.networks.heads import SpotterModel


class SoftLabels:
    """A frozen model of kwsd's own (see `kwsd.training.trained`), which labels windows."""

    def __init__(self, model: SpotterModel) -> None:
        self._model = model

    def to(self, device: str) -> None:
        """Move the model to the device."""
        self._model.to(device)  # type: ignore[arg-type]  # its decorator hides the method's own signature

    @torch.no_grad()
    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, samples) float32 in [-1, 1) -> (batch, labels): logarithms of probabilities that sum to one.

        Of windows longer than the model's input, the last part is used.
        """
        logits: torch.Tensor = self._model(windows[:, -self._model.config.window_samples :]).logits
        return logits.float()

"""Soft labels: what a trained model says of the very windows that a network learns from, noise and room included.

Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". Where a window is half a word, or a sentence sounds
like one, a hard label teaches certainty that nobody has.
"""

from __future__ import annotations

import torch

from kwsd.networks.heads import SpotterModel


class SoftLabels:
    """A model of kwsd's own, frozen (see `kwsd.training.trained`)."""

    def __init__(self, model: SpotterModel) -> None:
        self._model = model

    def to(self, device: str) -> None:
        """Compute on the device from now on."""
        self._model.to(device)  # type: ignore[arg-type]  # its decorator hides the method's own signature

    @torch.no_grad()
    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """(batch, samples) float32 in [-1, 1) -> (batch, labels): logarithms of probabilities that sum to one.

        Of windows that are longer than what it hears, it hears the newest part.
        """
        logits: torch.Tensor = self._model(windows[:, -self._model.config.window_samples :]).logits
        return logits.float()

"""Soft labels: a trained model's scores for the same augmented windows that a network learns from.

Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". Where a window holds half a word, or a sentence
sounds like one, a hard label would teach a certainty that is not justified.
"""

from __future__ import annotations

import torch

from kwsd.networks.heads import SpotterModel


@torch.no_grad()
def soft_labels(model: SpotterModel, windows: torch.Tensor) -> torch.Tensor:
    """(batch, samples) float32 in [-1, 1) -> (batch, labels): logarithms of probabilities that sum to one.

    `model` is a frozen one of kwsd's own (see `kwsd.training.trained`). Of windows longer than its input, the last part
    is used.
    """
    logits: torch.Tensor = model(windows[:, -model.config.window_samples :]).logits
    return logits.float()

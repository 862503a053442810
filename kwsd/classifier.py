"""The classifier interface that the spotter, the daemon and the evaluation share."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kwsd.errors import ModelError

_ROUNDING = 1e-3
"""How far rounding may take a probability outside [0, 1]."""


class Classifier(Protocol):
    """Scores windows of audio.

    `labels` names the columns of the scores, words and non-words alike; `device` is where it computes.
    """

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(batch, samples) float32 in [-1, 1) -> (batch, labels) float32, probabilities."""
        ...


def check_scores(scores: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return the scores of the model `name` (its name or path) unchanged if they can be probabilities.

    Raises:
        ModelError: some scores are not finite, or lie outside [0, 1] by more than rounding. No comparison with NaN
            holds, so NaN would make kwsd deaf without a word; with scores out of range it would always or never fire.
    """
    remedy = "train, fetch or export the model again"
    if not np.isfinite(scores).all():
        raise ModelError(f"{name}: its scores are not finite numbers (NaN or infinite)", remedy)
    if scores.min(initial=0) < -_ROUNDING or scores.max(initial=1) > 1 + _ROUNDING:
        raise ModelError(f"{name}: its scores are not probabilities from 0 to 1", remedy)
    return scores

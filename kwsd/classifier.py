"""What a classifier is to all of kwsd: to the spotter, the daemon and whoever measures."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kwsd.errors import ModelError

_ROUNDING = 1e-3
"""What rounding may add to a probability, or take from it."""


class Classifier(Protocol):
    """Something that scores windows. `labels` are the words and the labels that are no words, in the scores' order;
    `device` is where it computes."""

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
    """The scores that the model called `name`, or lying there, gave, as they are.

    Raises:
        ModelError: some of them are no numbers, or none that a probability can be. No comparison with NaN holds: it
            would be deaf, and say nothing; with scores beyond 1 it would always or never fire.
    """
    remedy = "train, fetch or export the model again"
    if not np.isfinite(scores).all():
        raise ModelError(f"{name}: its scores are not numbers", remedy)
    if scores.min(initial=0) < -_ROUNDING or scores.max(initial=1) > 1 + _ROUNDING:
        raise ModelError(f"{name}: its scores are no probabilities, from 0 to 1", remedy)
    return scores

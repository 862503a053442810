"""What a classifier is to all of kwsd: to the spotter, the daemon and whoever measures."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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

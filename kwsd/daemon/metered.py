"""A classifier that reports its work to the counters."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from kwsd.classifier import Classifier
from kwsd.daemon.counters import Counters
from kwsd.networks.cascade import Cascade


class Metered:
    """Wraps a classifier to time its scoring and to count the windows that its verifier, if any, was asked about."""

    def __init__(self, engine: Classifier, counters: Counters) -> None:
        self._engine, self._counters = engine, counters
        counters.loaded(engine.name, engine.device)
        self._tell_verified()
        self.labels, self.name, self.device = engine.labels, engine.name, engine.device

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score the windows with the classifier, and count them."""
        began = time.perf_counter()
        scores = self._engine.score(windows)
        self._counters.scored(len(windows), time.perf_counter() - began)
        self._tell_verified()
        return scores

    def _tell_verified(self) -> None:
        if isinstance(self._engine, Cascade):
            self._counters.set_verified(self._engine.asked)

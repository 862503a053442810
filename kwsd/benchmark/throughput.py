"""Measures how many windows an engine scores in a second, if many are due at once, as with many streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.classifier import Classifier
from kwsd.samples import RATE

AT_ONCE = (1, 16, 64, 256)
_LEAST_S = 0.5
_MOST_S = 3.0
_MOST_SAMPLES = 64 * 30 * RATE


@dataclass(frozen=True, slots=True)
class Rate:
    """The throughput, in windows per second of wall time, with `at_once` windows in a batch."""

    at_once: int
    windows_per_second: float

    def streams(self, hop: int) -> float:
        """Streams with a window every `hop` samples that are served in real time if every window is scored."""
        return self.windows_per_second * hop / RATE

    def to_dict(self, hop: int) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"streams": self.streams(hop)}


def throughput(classifier: Classifier, window: int) -> Iterator[Rate]:
    """Measure the throughput on windows of noise (`window` samples), for batches of 1, 16, 64 and 256.

    Batches that would take more than some seconds, or some 100 MB, are left out."""
    rng, per_second = np.random.default_rng(0), float("inf")
    for count in AT_ONCE:
        if count / per_second < _MOST_S and (count == 1 or count * window <= _MOST_SAMPLES):
            noise = rng.standard_normal((count, window), np.float32) * np.float32(0.05)
            rate = _rate(classifier, noise)
            per_second = rate.windows_per_second
            yield rate


def _rate(classifier: Classifier, windows: NDArray[np.float32]) -> Rate:
    classifier.score(windows)  # the first run of a batch size may cost more
    began, scored = time.perf_counter(), 0
    while not scored or time.perf_counter() - began < _LEAST_S:  # it may have been stopped since
        classifier.score(windows)
        scored += len(windows)
    return Rate(len(windows), scored / (time.perf_counter() - began))

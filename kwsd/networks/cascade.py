"""A cascade of two classifiers: a small one for every window, a larger one for windows that may hold a word.

Most of what a microphone records is not a word, which the first classifier recognises with certainty at little cost.
Where it detects a word, the second one scores the window as well, and the two are combined in a logarithmic opinion
pool (Genest and Zidek 1986, "Combining Probability Distributions"), the weighted geometric mean of their probabilities.
A high score takes both of them; what only one mistakes for a word gets a low score. The second may be a cascade itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kwsd.classifier import Classifier
from kwsd.errors import ModelError
from kwsd.labels import SILENCE, UNKNOWN, can_fire
from kwsd.samples import RATE

Scores = NDArray[np.float32]


class Cascade:
    """Scores windows with both classifiers, each of which sees the newest part of a window that it can take."""

    def __init__(
        self,
        first: Classifier,
        second: Classifier,
        *,
        asked_from: float,
        weight: float,
        hear: tuple[int, int] = (RATE, RATE),
    ) -> None:
        """The second classifier scores windows in which any word that it knows has a score of `asked_from` or more.

        `weight` (0 to 1) is its weight in the pool. Words that it does not know keep the scores of the first. `hear`
        has the number of samples that each of the two takes.

        Raises:
            ModelError: the second knows a label that the first does not, or lacks `_unknown_` or `_silence_`.
        """
        if not {UNKNOWN, SILENCE} <= {*second.labels} <= {*first.labels}:
            raise ModelError(
                f"{second.name} cannot verify {first.name}, because it has other labels;", "use --no-verify"
            )
        self.first, self.second = first, second
        self._asked_from, self._weight = np.float32(asked_from), weight
        self.hear = hear
        """How many of a window's last samples each of the two gets."""
        judged = [(index, label) for index, label in enumerate(first.labels) if label in second.labels]
        self._judged = np.array([index for index, _ in judged], np.intp)
        self._words = np.array([index for index, label in judged if can_fire(label)], np.intp)
        self._order = np.array([second.labels.index(label) for _, label in judged], np.intp)
        self.labels, self.name, self.device = first.labels, first.name, first.device
        self.asked = 0
        """Number of windows that the second classifier has scored."""

    def score(self, windows: NDArray[np.float32]) -> Scores:
        """(batch, samples) float32 in [-1, 1) -> (batch, labels) float32: probabilities, each row sums to one."""
        return self.timed(windows)[0]

    def timed(self, windows: NDArray[np.float32]) -> tuple[Scores, NDArray[np.float64]]:
        """The scores, and the CPU seconds (batch,) that each window cost.

        The time that a network takes for several windows is divided equally among them.
        """
        scores, spent = timed(self.first, windows[:, -self.hear[0] :])
        doubtful = np.flatnonzero(scores[:, self._words].max(axis=1, initial=0) >= self._asked_from)
        if len(doubtful):
            self.asked += len(doubtful)
            second, further = timed(self.second, windows[doubtful, -self.hear[1] :])
            rows = np.ix_(doubtful, self._judged)
            known = scores[rows]
            found = pooled((known, second[:, self._order]), (1 - self._weight, self._weight))
            scores[rows] = found if len(self._judged) == len(self.labels) else found * known.sum(axis=1, keepdims=True)
            spent[doubtful] += further
        return scores, spent


def timed(classifier: Classifier, windows: NDArray[np.float32]) -> tuple[Scores, NDArray[np.float64]]:
    """What `Cascade.timed` gives, of any classifier."""
    if isinstance(classifier, Cascade):
        return classifier.timed(windows)
    began = time.process_time()
    scores = classifier.score(windows)
    return scores, np.full(len(windows), (time.process_time() - began) / max(1, len(windows)))


def pooled(opinions: Sequence[Scores], weights: Sequence[float]) -> Scores:
    """The weighted geometric mean of probabilities (batch, labels), with each row normalised to sum to one."""
    logs = sum(weight * np.log(np.maximum(opinion, 1e-12)) for opinion, weight in zip(opinions, weights, strict=True))
    found: Scores = np.exp(logs - np.max(logs, axis=1, keepdims=True)).astype(np.float32)
    found /= found.sum(axis=1, keepdims=True)
    return found

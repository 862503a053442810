"""From probabilities to what a word fires by: was a word said, and, asked less strictly, was it this one?

A spotter errs in two ways, as a recognizer does: it hears a word where none was said (an insertion), or another one
than was said (a substitution). The first happens all day; the second only where somebody does speak to it. Under noise
"off" may be 0.9 sure, "up" 0.1 and everything else 0.0001: no doubt that a word was said, and little which. By its
probability alone it would have to be as sure of "not up" as of "not just talk".

So a word's claim is P(word) / (P(word) + P(none) + s P(other words)), with s the cost of a substitution as a part of an
insertion's. At a threshold on that, the decision has the least expected cost (Duda, Hart and Stork 2001, "Pattern
Classification", 2.2). With s = 1 the claim is the probability.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kwsd.labels import can_fire

Scores = NDArray[np.float32]


def claims(scores: Scores, labels: Sequence[str], substitution: float) -> Scores:
    """(n, labels) float32 probabilities -> (n, labels) float32: each word's claim; other labels stay as they are.

    A row of zeros, which nobody scored, stays one.
    """
    if substitution == 1:
        return scores
    columns = [index for index, label in enumerate(labels) if can_fire(label)]
    words = scores[:, columns]
    none = scores.sum(axis=1, keepdims=True) - words.sum(axis=1, keepdims=True)
    others = np.maximum(words.sum(axis=1, keepdims=True) - words, 0)
    against = np.maximum(none, 0) + np.float32(substitution) * others
    found = scores.copy()
    found[:, columns] = np.divide(words, words + against, out=np.zeros_like(words), where=words > 0)
    return found

"""From probabilities to the cost-weighted posterior that a word fires by, its claim: was a word said, and, asked less
strictly, was it this one?

A spotter errs in two ways, as a recognizer does: it hears a word where none was said (an insertion), or another one
than was said (a substitution). The first happens all day; the second only where somebody does speak to it. Under noise
"off" may be 0.9 sure, "up" 0.1 and everything else 0.0001: no doubt that a word was said, and little which. By its
probability alone it would have to be as sure of "not up" as of "not just talk".

So a word's claim is P(word) / (P(word) + P(none) + s P(other words)), with s the cost of a substitution as a part of an
insertion's. To answer where that is above a threshold is the decision of least expected cost (Duda, Hart and Stork
2001, "Pattern Classification", 2.2). With s = 1 the claim is the probability. Words that nobody listens for are none:
talk is full of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


def claims(scores: Scores, labels: Sequence[str], listened: Collection[str], substitution: float) -> Scores:
    """(n, labels) float32 -> (n, labels) float32: each row's likeliest word among those `listened` for gets its claim,
    its cost-weighted posterior; all others keep their probability.

    A row holds probabilities that sum to one, or zeros where nobody scored; those stay.
    """
    if substitution == 1:
        return scores
    ours = np.array([label in listened for label in labels], bool)
    # In rows of their own: a sum's last digit must not depend on how many windows are scored at once.
    words, rest = (np.ascontiguousarray(scores[:, part], np.float64) for part in (ours, ~ours))
    likeliest = words.max(axis=1, keepdims=True, initial=0.0)
    others = np.maximum(words.sum(axis=1, keepdims=True) - words, 0)
    against = rest.sum(axis=1, keepdims=True) + substitution * others
    claimed = np.divide(words, words + against, out=np.zeros_like(words), where=words > 0)
    found = scores.copy()
    found[:, ours] = np.where(words == likeliest, claimed, words)
    return found

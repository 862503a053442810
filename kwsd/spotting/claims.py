"""Turns probabilities into claims: a word's claim is the cost-weighted posterior by which it fires.

A spotter makes two kinds of errors, as a recognizer does: it detects a word where none was said (an insertion), or
another word than was said (a substitution). Insertions can happen all day, substitutions only while a user speaks to
it. Under noise "off" may have a probability of 0.9, "up" 0.1 and everything else 0.0001: there is no doubt that a word
was said, and little doubt which. A threshold on the probability would require it to be as sure that the word was not
"up" as that it was not just talk.

So a word's claim is P(word) / (P(word) + P(none) + s P(other words)), where s is the cost of a substitution as a
fraction of an insertion's. Firing where the claim exceeds a threshold is the decision of least expected cost (Duda,
Hart and Stork 2001, "Pattern Classification", 2.2). With s = 1 the claim is the probability. Words that are not
listened for count towards P(none), as ordinary talk is full of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


def claims(scores: Scores, labels: Sequence[str], listened: Collection[str], substitution: float) -> Scores:
    """Replace the score of each row's likeliest word by its claim: (n, labels) float32 -> (n, labels) float32.

    Only the words `listened` for count as words; all other scores stay as they are. A row holds probabilities that sum
    to one, or zeros where nothing was scored; zeros stay.
    """
    if substitution == 1:
        return scores
    ours = np.array([label in listened for label in labels], bool)
    # Contiguous rows: the last digit of a sum must not depend on how many windows are scored at once.
    words, rest = (np.ascontiguousarray(scores[:, part], np.float64) for part in (ours, ~ours))
    likeliest = words.max(axis=1, keepdims=True, initial=0.0)
    others = np.maximum(words.sum(axis=1, keepdims=True) - words, 0)
    against = rest.sum(axis=1, keepdims=True) + substitution * others
    claimed = np.divide(words, words + against, out=np.zeros_like(words), where=words > 0)
    found = scores.copy()
    found[:, ours] = np.where(words == likeliest, claimed, words)
    return found

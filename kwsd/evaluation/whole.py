"""Classifies whole recordings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.decoding.files import read_at
from kwsd.classifier import check_scores
from kwsd.samples import RATE

MOST_S = 60
"""The most seconds that a network gets in one piece: the memory of its attention grows with their square."""

_LEAST = RATE // 10  # samples at 16 kHz; a network may get no feature from fewer


@dataclass(frozen=True, slots=True)
class Guess:
    """A label with its score."""

    label: str
    score: float


def classify_file(
    path: Path,
    classifier: Any,
    *,
    rate: int,
    longest: int | None = None,
    exactly: bool = False,
    before: int = 0,
) -> list[Guess]:
    """All labels of a classifier of `kwsd.zoo`, the best first.

    `rate` is the network's own, in Hz. A recording longer than `longest` (samples at 16 kHz) or than a minute is scored
    in equal pieces, whose scores are averaged. With `exactly`, every piece is as long as `longest`: pieces may overlap,
    and a shorter recording is padded with zeros at its end. Each piece is preceded by the `before` samples before it,
    which `longest` does not include.

    Raises:
        InputError: the file cannot be read.
        ModelError: scores are not probabilities.
    """
    samples = read_at(path, rate)
    most, heard = (length * rate // RATE for length in (min(longest or MOST_S * RATE, MOST_S * RATE), before))
    cut = spread(samples, most, heard) if exactly else pieces(samples, most, _LEAST * rate // RATE, heard)
    scores = np.mean([_score(classifier, piece, rate) for piece in cut], axis=0)
    best = np.argsort(-scores, kind="stable")
    return [Guess(classifier.labels[index], float(scores[index])) for index in best]


def pieces(samples: NDArray[np.float32], most: int, least: int, before: int = 0) -> list[NDArray[np.float32]]:
    """Split (n,) samples into the fewest equal pieces of at most `most`, each with the `before` samples before it.

    Zeros precede the first piece, and follow samples shorter than `least`."""
    padded = np.pad(samples, (before, max(0, least - len(samples))))
    length = len(padded) - before
    edges = np.linspace(0, length, max(1, -(-length // most)) + 1).round().astype(int)
    return [padded[start : stop + before] for start, stop in pairwise(edges)]


def spread(samples: NDArray[np.float32], length: int, before: int = 0) -> list[NDArray[np.float32]]:
    """Cover (n,) samples with the fewest pieces of `length`, evenly spread, each with the `before` samples before it.

    Zeros precede the first piece, and follow samples shorter than `length`."""
    padded = np.pad(samples, (before, max(0, length - len(samples))))
    spare = len(padded) - before - length
    starts = np.linspace(0, spare, 1 + -(-spare // length)).round().astype(int)
    return [padded[start : start + before + length] for start in starts]


def _score(classifier: Any, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    rows = classifier.score(samples[None]) if rate == RATE else classifier.score(samples[None], rate)
    row: NDArray[np.float32] = check_scores(rows, classifier.name)[0]
    return row

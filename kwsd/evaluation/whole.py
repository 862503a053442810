"""What a classifier hears in a whole recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.files import read_at
from kwsd.events import RATE

MOST_S = 60
"""Seconds that go through a network in one piece: its attention's memory grows with the square of them."""

_LEAST = RATE // 10  # samples at 16 kHz: less gives no feature at all


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
    """All labels of a classifier of `kwsd.zoo`, the best first. Raises InputError for what cannot be read.

    `rate` is the network's own, in Hz. What is longer than `longest` (samples at 16 kHz), or than a minute, is heard
    in equal pieces; the scores are their mean. With `exactly`, each piece is as long as `longest`: they
    overlap a little, and zeros follow a recording that is shorter. `before` each comes as much silence, of which
    `longest` tells nothing.
    """
    samples = read_at(path, rate)
    most = min(longest or MOST_S * RATE, MOST_S * RATE) * rate // RATE
    cut = spread(samples, most) if exactly else pieces(samples, most, _LEAST * rate // RATE)
    silent = before * rate // RATE
    scores = np.mean([_score(classifier, np.pad(piece, (silent, 0)), rate) for piece in cut], axis=0)
    best = np.argsort(-scores, kind="stable")
    return [Guess(classifier.labels[index], float(scores[index])) for index in best]


def pieces(samples: NDArray[np.float32], most: int, least: int) -> list[NDArray[np.float32]]:
    """(n,) in as few equal pieces of `most` at most as it takes; zeros after one that is shorter than `least`."""
    count = max(1, -(-len(samples) // most))
    cut = np.array_split(samples, count)
    return [np.pad(piece, (0, max(0, least - len(piece)))) for piece in cut]


def spread(samples: NDArray[np.float32], length: int) -> list[NDArray[np.float32]]:
    """(n,) in as few pieces of `length` as cover it, evenly spread; zeros after what is shorter."""
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    starts = np.linspace(0, len(padded) - length, -(-len(padded) // length)).round().astype(int)
    return [padded[start : start + length] for start in starts]


def _score(classifier: Any, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    row: NDArray[np.float32] = (
        classifier.score(samples[None]) if rate == RATE else classifier.score(samples[None], rate)
    )[0]
    return row

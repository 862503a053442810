"""What a model says of itself, of whatever kind it is: the one form in which all of kwsd knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kwsd.cards.card_file import DEFAULT_SMOOTHING
from kwsd.cards.foreign import Kind
from kwsd.cards.verifier import Verifier
from kwsd.labels import can_fire
from kwsd.samples import RATE

DEFAULT_THRESHOLD = 0.95
"""For a word whose card names none."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model says of itself. `thresholds` has every word, for the mean over `smoothing` windows of what it fires
    by, in which other words count for `substitution` (see `kwsd.spotting.claims`; 1 for what is not kwsd's own);
    `latest_ms` is how long after it was first resembled a word may fire (see `kwsd.spotting.trigger`).
    `scores` is whatever was measured.

    `path` is its folder, or an exported model's file. `rate` (Hz) is what the network takes. `window` is what it hears
    at once, `longest` the most that it can (None for no limit), both in samples at 16 kHz; its scores are about the
    last `spoken` of them, None for all. A zero-shot model has no labels until it is given some. With a `verifier` it
    hears together with a second model, which has thresholds for the two.
    """

    name: str
    path: Path
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    licence: str
    size_bytes: int
    scores: Mapping[str, Any]
    kind: Kind = "kwsd"
    rate: int = RATE
    window: int = RATE
    longest: int | None = None
    spoken: int | None = None
    smoothing: int = DEFAULT_SMOOTHING
    substitution: float = 1.0
    latest_ms: int | None = None
    verifier: Verifier | None = None

    @property
    def firing(self) -> Mapping[str, float]:
        """The thresholds of the model as it is to listen: with its verifier, or alone."""
        return self.thresholds if self.verifier is None else dict(self.thresholds) | dict(self.verifier.thresholds)

    @property
    def heard(self) -> int:
        """The samples that it and its verifier need at once."""
        return max(self.window, self.verifier.window if self.verifier else 0)

    @property
    def about(self) -> int:
        """The newest samples that its scores are about; what it hears before them only helps it."""
        return min(self.spoken or self.window, self.window)

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that can fire."""
        return tuple(label for label in self.labels if can_fire(label))

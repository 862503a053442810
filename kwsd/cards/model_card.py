"""The card of a model of any kind: the form in which all of kwsd describes it."""

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
"""The threshold of a word for which the card names none."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model's properties, whatever its kind.

    `thresholds` has every word, for the mean over `smoothing` windows of its claim with `substitution` (see
    `kwsd.spotting.claims`; 1 for foreign models); a word may fire up to `latest_ms` after the first window that
    resembles it, None for no limit (see `kwsd.spotting.trigger`). The threshold of a word that came close is lowered by
    `second_chance`, in log-odds, if it is said again (see `kwsd.spotting.second_chance`). `scores` are measured
    figures.

    `path` is its folder, or an exported model's file. `rate` is the network's, in Hz. `window` is the length of its
    input, `longest` the greatest possible one (None for no limit), both in samples at 16 kHz; its scores are about the
    last `spoken` of them, None for all. A zero-shot model has no labels until it is given some. A `verifier` is a
    second model that is asked as well, and may have one itself; it comes with thresholds for all of them together.
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
    second_chance: float = 0.0
    verifier: Verifier | None = None

    @property
    def firing(self) -> Mapping[str, float]:
        """The thresholds with which the model listens: those with its verifier, or its own if it has none."""
        return self.thresholds if self.verifier is None else dict(self.thresholds) | dict(self.verifier.thresholds)

    @property
    def heard(self) -> int:
        """The length of the input, in samples, that the model and its verifier need."""
        return max(self.window, self.verifier.window if self.verifier else 0)

    @property
    def about(self) -> int:
        """The number of last samples that its scores are about; earlier ones are only context."""
        return min(self.spoken or self.window, self.window)

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that can fire."""
        return tuple(label for label in self.labels if can_fire(label))

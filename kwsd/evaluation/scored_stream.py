"""A stream whose windows were all scored once, so that any thresholds can be tried on it without a model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.windowing.window import Window
from kwsd.evaluation.truth import SpokenWord
from kwsd.samples import RATE
from kwsd.spotting.claims import claims
from kwsd.spotting.sparse_scoring import FINEST, GridState, PendingWindow, score_what_counts, stride_of
from kwsd.spotting.trigger import Trigger, TriggerSettings

Scores = NDArray[np.float32]

_EMPTY = np.zeros(1, np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredStream:
    """Every window of a stream, scored once and independently of thresholds.

    `ends` (n,) are the windows' ends in samples, `scores` (n, labels) the classifier's scores; `open` (n,) says which
    windows the gate would let through. While nothing sounds like a word, the daemon scores one window in `coarse`
    samples, with 0 as many as it takes for the detections of scoring all, with None all of them. `scoring_s` are the
    classifier's processor seconds, (n,) by window; `path_s` are those of all the rest without a gate, `gate_s` with
    one.
    """

    name: str
    model: str
    labels: tuple[str, ...]
    hop: int
    length: int
    words: tuple[SpokenWord, ...]
    ends: NDArray[np.int64]
    scores: Scores
    open: NDArray[np.bool_]
    coarse: int | None = 0
    scoring_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    path_s: float = 0.0
    gate_s: float = 0.0
    notes: tuple[str, ...] = ()
    _claims: dict[tuple[frozenset[str], float], Scores] = field(default_factory=dict, init=False, repr=False)
    _looked: dict[tuple[object, ...], NDArray[np.bool_]] = field(default_factory=dict, init=False, repr=False)

    @property
    def hours(self) -> float:
        """The length of the audio."""
        return self.length / RATE / 3600

    def window(self, end: np.int64) -> Window:
        """A window with this end but without its samples, for a spotter whose classifier replays recorded scores."""
        return Window(self.name, int(end), _EMPTY, hop=self.hop)

    def claims(self, listened: Collection[str], substitution: float) -> Scores:
        """The claims, (n, labels), by which the words that are `listened` for fire (see `kwsd.spotting.claims`)."""
        key = frozenset(listened), substitution
        if key not in self._claims:  # a replayer of each word asks for it
            self._claims[key] = claims(self.scores, self.labels, listened, substitution)
        return self._claims[key]

    def looked_at(self, trigger: TriggerSettings, *, gated: bool) -> NDArray[np.bool_]:
        """Which windows, (n,) bool, to replay for the detections of a spotter with this trigger, `gated` or not.

        On the finest grid, skipped windows change no detection (see `kwsd.spotting.sparse_scoring`), so all are
        replayed that the gate lets through."""
        if stride_of(self.coarse or 0, self.hop) == FINEST:
            return self._wanted(gated)
        return self._scored(trigger, gated=gated)

    def _wanted(self, gated: bool) -> NDArray[np.bool_]:
        return self.open if gated else self._looked.setdefault((), np.ones(len(self.ends), bool))

    def _scored(self, trigger: TriggerSettings, *, gated: bool) -> NDArray[np.bool_]:
        """Which windows, (n,) bool, a spotter with this trigger would score."""
        tried, stride = Trigger(self.labels, trigger), stride_of(self.coarse or 0, self.hop)
        if self.coarse is None or not tried.spares:
            return self._wanted(gated)
        key = gated, trigger.substitution, tuple(trigger.thresholds), tuple(tried.bounds)
        if key not in self._looked:
            found = self.claims(trigger.thresholds, trigger.substitution)
            self._looked[key] = self._on_grid(found, self._wanted(gated), stride, tried.is_candidate)
        return self._looked[key]

    def _on_grid(
        self, scores: Scores, wanted: NDArray[np.bool_], stride: int, is_candidate: Callable[[Scores], bool]
    ) -> NDArray[np.bool_]:
        """Which of the `wanted` windows (n,) the grid would score, (n,) bool, by their `scores` (n, labels)."""
        state = GridState()
        pending = [
            PendingWindow(self.window(end), state, bool(want), stride, is_candidate)
            for end, want in zip(self.ends, wanted, strict=True)
        ]

        def score(windows: Sequence[Window]) -> Scores:
            return scores[np.searchsorted(self.ends, [window.end for window in windows])]

        return np.array([row is not None for row in score_what_counts(pending, score).rows], bool)

    def scored_share(self, trigger: TriggerSettings, *, gated: bool) -> float:
        """The share of windows that are scored; 1 where there are none."""
        return float(self._scored(trigger, gated=gated).mean()) if len(self.ends) else 1.0

    def cpu_per_second(self, trigger: TriggerSettings, *, gated: bool) -> float:
        """Processor seconds per second of audio: those of the windows that are scored, and of the rest of the path."""
        scored = self._scored(trigger, gated=gated)
        scoring_s = float(np.broadcast_to(self.scoring_s, scored.shape)[scored].sum())
        return (scoring_s + (self.gate_s if gated else self.path_s)) * RATE / max(1, self.length)


class ReplayClassifier:
    """A classifier that returns recorded scores: `cue` the rows, then `score` their windows."""

    device = "recorded"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name, self.labels = name, tuple(labels)
        self._rows: Scores = np.zeros((0, len(self.labels)), np.float32)

    def cue(self, rows: Scores) -> None:
        """Set the (n, labels) rows to return next; rows that are left from an earlier call are dropped."""
        self._rows = rows

    def score(self, windows: NDArray[np.float32]) -> Scores:
        """The next rows, as many as there are windows."""
        said, self._rows = self._rows[: len(windows)], self._rows[len(windows) :]
        if len(said) < len(windows):
            raise IndexError(f"{len(windows)} windows to score, {len(said)} rows recorded")
        return said

"""Replays recorded scores through the daemon's own spotter, to find what would fire at other thresholds.

A window in which every word stays below its threshold cannot fire, so only the others, and the windows around them, are
replayed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from kwsd.evaluation.scored_stream import ReplayClassifier, ScoredStream, Scores
from kwsd.evaluation.scoring import Matched, score_events
from kwsd.events import Detection
from kwsd.samples import samples_in
from kwsd.spotting.second_chance import PAUSE, WITHIN, lowered
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import NEXT, TriggerSettings

_SCREEN = 1e-12
"""Tolerance below a threshold, for means that are summed here in another order than in the trigger."""

_FEED = 512


class Replayer:
    """One recorded stream, ready to be replayed at any thresholds for any of `words`."""

    def __init__(
        self,
        recorded: ScoredStream,
        words: Sequence[str],
        *,
        gated: bool,
        trigger: TriggerSettings,
        listened: Collection[str] = (),
    ) -> None:
        """`words` may fire, out of those that are `listened` for (by default `words`); other spoken words do not count.

        Of `trigger`, all but the `thresholds` is used."""
        self.recorded = recorded
        self.spoken = tuple(word for word in recorded.words if word.word in set(words))
        self._words, self._trigger = tuple(words), trigger
        self._gated, self._listened = gated, tuple(listened or words)
        self._columns = [recorded.labels.index(word) for word in words]
        self._blank: Scores = np.zeros((trigger.smoothing, len(recorded.labels)), np.float32)
        self._seen: tuple[NDArray[np.bool_], Scores, NDArray[np.float64]] | None = None

    def _heard(self, thresholds: Mapping[str, float]) -> tuple[Scores, NDArray[np.float64]]:
        """The claims of each window as a spotter with these thresholds gets them, and the words' smoothed claims.

        (n, labels), 0 for windows that it does not look at; and (n, words)."""
        listened = {word: thresholds.get(word, math.inf) for word in self._listened}
        looked_at = self.recorded.looked_at(replace(self._trigger, thresholds=listened), gated=self._gated)
        if self._seen is None or self._seen[0] is not looked_at:
            smoothing = self._trigger.smoothing
            claims = self.recorded.claims(self._listened, self._trigger.substitution)
            rows = claims if looked_at.all() else np.where(looked_at[:, None], claims, np.float32(0))
            before = np.zeros((smoothing - 1, len(self._columns)), np.float32)
            padded = np.concatenate([before, rows[:, self._columns]])
            means = sliding_window_view(padded, smoothing, axis=0).mean(axis=-1, dtype=np.float64)
            self._seen = looked_at, rows, means
        return self._seen[1:]

    def detections(self, thresholds: Mapping[str, float]) -> list[Detection]:
        """The detections of a spotter with these thresholds, the same words at the same samples.

        Their `start` and `end` mean nothing."""
        recorded = self.recorded
        classifier = ReplayClassifier(recorded.model, recorded.labels)
        settings = replace(self._trigger, thresholds=thresholds, substitution=1.0)  # the rows are claims already
        spotter = Spotter(classifier, gate=None, trigger=settings)
        heard, means = self._heard(thresholds)
        found: list[Detection] = []
        for first, stop in self._islands(thresholds, means):
            # An island is fed with the earlier windows on which its first outcome may depend. Blank windows follow it,
            # so that the trigger keeps nothing but where words fired, as if every window had been fed.
            low = max(0, first - self._before)
            rows = np.concatenate([heard[low:stop], self._blank])
            ends = np.concatenate([recorded.ends[low:stop], np.full(len(self._blank), recorded.ends[stop - 1])])
            for start in range(0, len(rows), _FEED):
                classifier.cue(rows[start : start + _FEED])
                due = [recorded.window(end) for end in ends[start : start + _FEED]]
                found += [event for event in spotter.feed(due) if isinstance(event, Detection)]
        return found

    def scored(self, thresholds: Mapping[str, float]) -> Matched:
        """Match the detections at these thresholds with the words that were spoken."""
        return score_events(self.detections(thresholds), self.spoken)

    def peaks(self) -> NDArray[np.float64]:
        """The greatest smoothed claim of each word, (words,), if every window that the gate lets through is scored."""
        closely = dict.fromkeys(self._words, 0.0)
        return np.asarray(self._heard(closely)[1].max(axis=0, initial=0.0), np.float64)

    @property
    def _before(self) -> int:
        """On how many earlier windows the outcome of a window may depend.

        With `latest_ms` it depends on where a word was first resembled: how long ago, or, within the refractory time,
        whether that was `NEXT` or more after the hit.
        """
        trigger = self._trigger
        if trigger.latest_ms is None:
            return trigger.smoothing - 1
        timed = max(samples_in(trigger.latest_ms), samples_in(trigger.refractory_ms) - NEXT)
        return trigger.smoothing - 1 + -(-timed // self.recorded.hop) + 1

    @property
    def _apart(self) -> int:
        """How many windows lie at least between two islands: by a second chance, where a word came close matters."""
        smoothing = self._trigger.smoothing
        chance = -(-(WITHIN + PAUSE) // self.recorded.hop) + 1 if self._trigger.second_chance else 0
        return smoothing + max(self._before, smoothing - 1 + chance) + 2

    def _islands(self, thresholds: Mapping[str, float], means: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
        """Separate runs [first, stop) of windows where a word may reach its threshold, each with the next window."""
        due = [thresholds.get(word, math.inf) for word in self._words]
        least = np.array([lowered(threshold, self._trigger.second_chance) for threshold in due])
        hot = np.flatnonzero((means >= least - _SCREEN).any(axis=1))
        if not len(hot):
            return
        breaks = np.flatnonzero(np.diff(hot) > self._apart)
        lows, highs = [0, *(breaks + 1)], [*breaks, len(hot) - 1]
        for low, high in zip(lows, highs, strict=True):
            yield int(hot[low]), min(int(hot[high]) + 2, len(means))

"""Replays recorded scores through the daemon's own spotter, to find what would fire at other thresholds.

A window in which every word stays below its threshold cannot fire, so only the others, and the windows around them, are
replayed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from kwsd.evaluation.scored_stream import ReplayClassifier, ScoredStream, Scores
from kwsd.evaluation.scoring import Matched, score_events
from kwsd.events import Detection
from kwsd.samples import samples_in
from kwsd.spotting.second_chance import WITHIN, lowered
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

        Of `trigger`, only `smoothing`, `substitution`, `latest_ms` and `second_chance` are used."""
        self.recorded = recorded
        self.spoken = tuple(word for word in recorded.words if word.word in set(words))
        self._words = tuple(words)
        self._smoothing, self._substitution = trigger.smoothing, trigger.substitution
        self._latest_ms, self._second_chance = trigger.latest_ms, trigger.second_chance
        self._gated, self._listened = gated, tuple(listened or words)
        self._columns = [recorded.labels.index(word) for word in words]
        self._blank: Scores = np.zeros((self._smoothing, len(recorded.labels)), np.float32)
        self._seen: tuple[NDArray[np.bool_], Scores, NDArray[np.float64]] | None = None

    def _heard(self, trigger: TriggerSettings) -> tuple[Scores, NDArray[np.float64]]:
        """The claims of each window as a spotter with this trigger gets them, and the words' smoothed claims.

        (n, labels), 0 for windows that it does not look at; and (n, words)."""
        thresholds = {word: trigger.thresholds.get(word, math.inf) for word in self._listened}
        looked_at = self.recorded.looked_at(
            replace(
                trigger,
                thresholds=thresholds,
                smoothing=self._smoothing,
                substitution=self._substitution,
                latest_ms=self._latest_ms,
                second_chance=self._second_chance,
            ),
            gated=self._gated,
        )
        if self._seen is None or self._seen[0] is not looked_at:
            claims = self.recorded.claims(self._listened, self._substitution)
            rows = claims if looked_at.all() else np.where(looked_at[:, None], claims, np.float32(0))
            before = np.zeros((self._smoothing - 1, len(self._columns)), np.float32)
            padded = np.concatenate([before, rows[:, self._columns]])
            means = sliding_window_view(padded, self._smoothing, axis=0).mean(axis=-1, dtype=np.float64)
            self._seen = looked_at, rows, means
        return self._seen[1:]

    def detections(self, trigger: TriggerSettings) -> list[Detection]:
        """The detections of a spotter with these settings, the same words at the same samples.

        Their `start` and `end` mean nothing. `smoothing`, `substitution`, `latest_ms` and
        `second_chance` are the replayer's."""
        recorded = self.recorded
        classifier = ReplayClassifier(recorded.model, recorded.labels)
        settings = replace(
            trigger,
            smoothing=self._smoothing,
            latest_ms=self._latest_ms,
            second_chance=self._second_chance,
            substitution=1.0,  # the rows are claims already
        )
        spotter = Spotter(classifier, gate=None, trigger=settings)
        heard, means = self._heard(trigger)
        found: list[Detection] = []
        before = self._before(settings)
        for first, stop in self._islands(settings, means, before):
            # An island is fed with the earlier windows on which its first outcome may depend. Blank windows follow it,
            # so that the trigger keeps nothing but where words fired, as if every window had been fed.
            low = max(0, first - before)
            rows = np.concatenate([heard[low:stop], self._blank])
            ends = np.concatenate([recorded.ends[low:stop], np.full(len(self._blank), recorded.ends[stop - 1])])
            for start in range(0, len(rows), _FEED):
                classifier.cue(rows[start : start + _FEED])
                due = [recorded.window(end) for end in ends[start : start + _FEED]]
                found += [event for event in spotter.feed(due) if isinstance(event, Detection)]
        return found

    def scored(self, trigger: TriggerSettings) -> Matched:
        """Match the detections at these settings with the words that were spoken."""
        return score_events(self.detections(trigger), self.spoken)

    def peaks(self) -> NDArray[np.float64]:
        """The greatest smoothed claim of each word, (words,), if every window that the gate lets through is scored."""
        closely = TriggerSettings(dict.fromkeys(self._words, 0.0))
        return np.asarray(self._heard(closely)[1].max(axis=0, initial=0.0), np.float64)

    def _before(self, trigger: TriggerSettings) -> int:
        """On how many earlier windows the outcome of a window may depend.

        With `latest_ms` it depends on where a word was first resembled: how long ago, or, within the refractory time,
        whether that was `NEXT` or more after the hit.
        """
        if trigger.latest_ms is None:
            return self._smoothing - 1
        timed = max(samples_in(trigger.latest_ms), samples_in(trigger.refractory_ms) - NEXT)
        return self._smoothing - 1 + -(-timed // self.recorded.hop) + 1

    def _apart(self, trigger: TriggerSettings, before: int) -> int:
        """How many windows lie at least between two islands: by a second chance, where a word came close matters."""
        chance = -(-(WITHIN + NEXT) // self.recorded.hop) + 1 if trigger.second_chance else 0
        return self._smoothing + max(before, self._smoothing - 1 + chance) + 2

    def _islands(self, trigger: TriggerSettings, means: NDArray[np.float64], before: int) -> Iterator[tuple[int, int]]:
        """Separate runs [first, stop) of windows where a word may reach its threshold, each with the next window."""
        due = [trigger.thresholds.get(word, math.inf) for word in self._words]
        thresholds = np.array([lowered(threshold, trigger.second_chance) for threshold in due])
        hot = np.flatnonzero((means >= thresholds - _SCREEN).any(axis=1))
        if not len(hot):
            return
        breaks = np.flatnonzero(np.diff(hot) > self._apart(trigger, before))
        lows, highs = [0, *(breaks + 1)], [*breaks, len(hot) - 1]
        for low, high in zip(lows, highs, strict=True):
            yield int(hot[low]), min(int(hot[high]) + 2, len(means))

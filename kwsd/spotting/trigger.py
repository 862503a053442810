"""The trigger, which turns the scores of successive windows into at most one hit per spoken word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kwsd.config import TriggerConfig
from kwsd.errors import ConfigError
from kwsd.labels import enumerated
from kwsd.samples import samples_in
from kwsd.spotting.near_misses import Reason, Standing
from kwsd.spotting.second_chance import SecondChances

RESEMBLES = 0.5
"""The score from which on a window resembles a word, so that its neighbours are scored, too."""

NEXT = samples_in(300)
"""Samples from a hit to the first window that resembles another word, if that was spoken after the word that fired."""


@dataclass(frozen=True, slots=True)
class TriggerSettings:
    """When a word fires.

    `thresholds` has the words that may fire, each with the smoothed score that it takes. `smoothing` is the number of
    windows over which a score is averaged. After a hit no word fires for `refractory_ms`, and the same word only once
    its smoothed score has been below the threshold at which it fired. A score is a word's claim, in which
    `substitution` is the weight of the other words (see `kwsd.spotting.claims`).

    With `latest_ms` a word has to fire within so many milliseconds of the first of a row of windows that score 0.5 (or
    its threshold, if lower) or more, or with their first full mean of `smoothing` windows if that comes later. A word
    stays in the windows for most of a second while its score fluctuates: a score that passes the threshold late mostly
    does so by chance. For a word that has fired, the time counts from the end of its refractory time, if that is later:
    where it is said again at once, its windows follow each other without one that scores less. Another word may fire
    within the refractory time if the first window that resembles it ends `NEXT` or more after the hit.

    `second_chance` is by how much, in log-odds, the threshold of a word is lowered that came close and is said again
    (see `kwsd.spotting.second_chance`); 0 for not at all.
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    smoothing: int = 2
    refractory_ms: int = TriggerConfig().refractory_ms
    substitution: float = 1.0
    latest_ms: int | None = None
    second_chance: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A word that fired, with its smoothed score."""

    word: str
    score: float
    threshold: float


class Trigger:
    """One stream's trigger, fed with every window; those that the gate kept from the classifier score 0."""

    def __init__(self, labels: Sequence[str], settings: TriggerSettings) -> None:
        """`labels` names the columns of the scores.

        Raises:
            ConfigError: a word has a threshold but is not one of the `labels`.
        """
        strangers = sorted(set(settings.thresholds) - set(labels))
        if strangers:
            raise ConfigError(f"the model does not know {', '.join(strangers)}; it knows {enumerated(labels)}")
        self._words = tuple(settings.thresholds)
        self._columns = np.array([labels.index(word) for word in self._words], np.intp)
        self._thresholds = np.array([settings.thresholds[word] for word in self._words], np.float64)
        self._chances = SecondChances(self._thresholds, settings.second_chance)
        self._due = self._thresholds
        self._took = self._thresholds.copy()  # what each word had to reach when it fired last
        least = settings.smoothing * self._chances.lowered - (settings.smoothing - 1)
        self._least = least - 1e-6  # a score may be above one by a rounding error
        self._like = np.minimum(self._least, RESEMBLES)
        self._begins = np.minimum(self._thresholds, RESEMBLES)
        self._latest = None if settings.latest_ms is None else samples_in(settings.latest_ms)
        self._refractory = samples_in(settings.refractory_ms)
        self._recent = np.zeros((settings.smoothing, len(self._words)))
        self._quiet_until = self._fed_at = -(1 << 62)
        self._fed = 0  # windows so far
        self._since = np.full(len(self._words), self._fed_at)  # the end of the first window that resembles the word
        self._first = np.zeros(len(self._words), np.int64)  # the number of that window
        self._fired = self._since.copy()  # where the word fired last
        self._unheard = self._since.copy()  # up to where a word may have begun without its windows being scored
        self.reset()

    def reset(self) -> None:
        """Forget the scores, as the next window does not follow on from the last one.

        The refractory time goes on: a few milliseconds that are lost within a word do not make it two, nor another
        word one that follows.
        """
        self._unheard[:] = self._fed_at
        self._chances.skip()
        self._recent[:] = 0
        self._armed = np.ones(len(self._words), bool)
        self._hot = np.zeros(len(self._words), bool)  # whether the last window resembles the word
        self._smoothed = np.zeros(len(self._words))
        self._late = np.zeros(len(self._words), bool)  # whether it is too late for the word to fire
        self._idle = False

    def inherit(self, other: Trigger) -> None:
        """Take over the state of `other`, which has other settings, so that what it fired does not fire again."""
        self._quiet_until = other._quiet_until - other._refractory + self._refractory
        self._fed_at, self._fed = other._fed_at, other._fed
        self._unheard[:] = other._fed_at
        kept = min(len(self._recent), len(other._recent))
        for column, word in enumerate(self._words):
            if word in other._words:
                before = other._words.index(word)
                self._armed[column] = other._armed[before]
                if other._took[before] < other._thresholds[before]:
                    self._took[column] = self._chances.lowered[column]
                self._hot[column] = other._hot[before]
                self._since[column], self._first[column] = other._since[before], other._first[before]
                self._fired[column], self._unheard[column] = other._fired[before], other._unheard[before]
                self._recent[-kept:, column] = other._recent[-kept:, before]
                self._chances.take(column, other._chances, before)

    @property
    def spares(self) -> bool:
        """Whether scores are averaged over several windows, each of which needs a score above 0 for a word to fire."""
        return len(self._recent) > 1 and bool((self._least > 0).all())

    @property
    def bounds(self) -> NDArray[np.float64]:
        """The score of each word (words,) from which on a window is a candidate.

        No mean that includes a lower score can reach the threshold. Nor does a window resemble the word, which counts
        for `latest_ms`, a second chance and a near miss, and where a window may hold only a part of a word.
        """
        return self._like

    def is_candidate(self, scores: NDArray[np.float32]) -> bool:
        """Whether a window with these scores (labels,) is a candidate for any word; see `bounds`."""
        return bool((scores[self._columns] >= self._like).any())

    def is_refractory(self, at: int, hop: int) -> bool:
        """Whether a word that the window up to sample `at` begins is too late once the refractory time is over.

        The next windows, each `hop` samples later, still tell by then what may fire. But whether the word that fired
        has ended meanwhile, and whether another one has begun, is not heard in such windows.
        """
        return at + hop < self._quiet_until - max(self._latest or 0, len(self._recent) * hop)

    def amend(self, scores: NDArray[np.float32]) -> None:
        """Set the scores (labels,) of the last window, which was fed without a score as it did not seem to matter."""
        self._recent[-1] = scores[self._columns]
        self._idle = False
        self._hot = self._recent[-1] >= self._begins
        self._begin(self._hot)  # it had no score because nothing before it resembled a word

    def feed(self, scores: NDArray[np.float32] | None, at: int) -> Hit | None:
        """Take the scores (labels,) of the window that ends at sample `at`, None if it has none; the hit, if any."""
        self._fed_at, self._fed = at, self._fed + 1
        if scores is None and self._idle:
            return None
        self._recent[:-1] = self._recent[1:]
        self._recent[-1] = 0 if scores is None else scores[self._columns]
        hot = self._recent[-1] >= self._begins
        self._begin(hot & ~self._hot)
        self._hot = hot
        smoothed = self._smoothed = self._recent.sum(axis=0) / len(self._recent)  # half the time of mean()
        heard = self._recent.min(axis=0) >= RESEMBLES if hot.any() else hot  # most windows resemble no word
        self._due = self._chances.due(heard, smoothed, at)
        over = smoothed >= self._due
        self._armed |= smoothed < self._took
        self._idle = not (self._recent.any() or over.any())  # then another window without scores changes nothing
        ready = over & self._armed
        if self._latest is not None:
            first = self._fed - self._first < len(self._recent)  # up to the first full mean, whatever the hop
            since = np.maximum(self._since, self._fired + self._refractory)
            self._late = (at - since > self._latest) & ~first
            ready &= ~self._late
        if at < self._quiet_until:
            ready &= self._following(at)
        best = int(np.where(ready, smoothed, -1.0).argmax()) if ready.any() else None
        self._chances.note(heard, smoothed, at, best)
        if best is None:
            return None
        self._armed[best] = False
        self._fired[best], self._took[best] = at, self._due[best]
        self._quiet_until = at + self._refractory
        return Hit(self._words[best], float(smoothed[best]), float(self._due[best]))

    def skip(self, at: int) -> Hit | None:
        """Take the window that ends at sample `at`, and may not be scored as `is_refractory`."""
        self._unheard[:] = at
        self._chances.skip()
        self._idle = False  # such windows change something
        return self.feed(None, at)

    @property
    def standing(self) -> Standing | None:
        """How the word that the last window resembles most stands; None unless all windows of its mean resemble it."""
        if self._idle or not self._hot.any():
            return None
        best = int(np.where(self._hot, self._smoothed, -1.0).argmax())
        if self._recent[:, best].min() < RESEMBLES:
            return None
        score, threshold = float(self._smoothed[best]), float(self._due[best])
        return Standing(self._words[best], score, threshold, self._fed_at, self._reason(best))

    def _reason(self, word: int) -> Reason:
        """What keeps a word, by its index, from firing."""
        if self._smoothed[word] < self._due[word]:
            return "score"
        if not self._armed[word]:
            return "fired"
        return "late" if self._late[word] else "refractory"

    def _following(self, at: int) -> NDArray[np.bool_]:
        """Which words (words,) were spoken after the one that fired, and have themselves not just fired."""
        if self._latest is None:
            return np.zeros(len(self._words), bool)
        heard_from = np.maximum(self._quiet_until - self._refractory, self._unheard)
        spoken_after: NDArray[np.bool_] = self._since >= heard_from + NEXT
        return spoken_after & (at >= self._fired + self._refractory)

    def _begin(self, words: NDArray[np.bool_]) -> None:
        """Note the last window as the first that resembles these words (words,)."""
        self._since[words], self._first[words] = self._fed_at, self._fed

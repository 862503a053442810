"""Lets a word that came close fire at a lower score if it is said again soon.

Who is not heard says the word again. Talk seldom resembles a word that much twice within a few seconds, so the second
time less evidence is enough (Siri Team 2017, "Hey Siri: An On-device DNN-powered Voice Trigger for Apple's Personal
Assistant", "second chance").
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kwsd.samples import samples_in

WITHIN = samples_in(6000)
"""Samples after a score that was close, within which a lower score is enough."""
PAUSE = samples_in(700)
"""Samples without a word before one that is said again: a word stays in the windows for about so long, on and off."""
LOWEST = 0.95
"""A threshold is not lowered below it, and one that is below it not at all."""
SHARE = 0.95
"""The share of all words' scores that a word needs to fire at a lowered threshold, so that it is no other word."""
_LONG_AGO = -(1 << 62)


def lowered(threshold: float, by: float) -> float:
    """A threshold lowered `by` so much in log-odds, but not below `LOWEST`; one from 1 on, hardly reached, stays."""
    if not by or not LOWEST < threshold < 1:
        return threshold
    return max(LOWEST, 1 / (1 + math.exp(by) * (1 - threshold) / threshold))


class SecondChances:
    """What each word of a stream's trigger needs to fire now, by what it scored before.

    A word comes close if it reaches its lowered threshold and does not fire. It is said again if it is heard after
    `PAUSE` samples or more in which no word was: while one is said, two words may be the likeliest in turn. What is
    heard less than a `PAUSE` before or after a word that fires is a part of that word and does not come close:
    "forward" begins as "four" does, and is "forward" the next time, too. Less evidence is enough that a word was said,
    but not for which one: it needs `SHARE` of the scores of all words. What was `WITHIN` ago, and a `PAUSE`, changes
    nothing: see `kwsd.evaluation.replayer`, which skips it.
    """

    def __init__(self, thresholds: NDArray[np.float64], by: float) -> None:
        """`thresholds` (words,) float64 are lowered `by` so much in log-odds; 0 lowers none."""
        self._usual = thresholds
        self.lowered = np.array([lowered(threshold, by) for threshold in thresholds])
        self.any = bool((self.lowered < thresholds).any())
        """Whether any word has a second chance."""
        self._heard = np.full(len(thresholds), _LONG_AGO)  # the end of the last window in which it was heard
        self._going_on = np.zeros(len(thresholds), bool)  # whether it was not over before the last window
        self._last = self._going_on.copy()  # whether it was heard in that one
        self._quiet = False  # whether no word was heard or going on, as in most windows
        self._close = self._heard.copy()  # where it came close, since it is said this time
        self._closed = self._heard.copy()  # and when it was said before
        self._begun = _LONG_AGO  # from where on words are heard this time, with no pause since
        self._hit = _LONG_AGO  # where any word fired last
        self._whole = _LONG_AGO  # from where on no windows are missing
        self._missing = False  # whether some are before the next one

    def skip(self) -> None:
        """Note that windows are missing before the next one: they are no pause, as the word may go on after them."""
        self._missing = True

    def due(self, heard: NDArray[np.bool_], scores: NDArray[np.float64], at: int) -> NDArray[np.float64]:
        """The thresholds (words,) of a window that ends at sample `at`.

        `heard` (words,) tells what is heard in it, `scores` (words,) are the smoothed scores.
        """
        if self._missing:
            self._whole, self._missing, self._quiet = at, False, False
        nothing = not heard.any()
        if nothing and self._quiet:
            return self._usual
        self._going_on = self._last | (at - np.maximum(self._heard, self._whole) < PAUSE)
        self._last, self._quiet = heard, nothing and not self._going_on.any()
        if not self._going_on.any():
            self._begun = at
        again = heard & (self._heard < self._begun)
        self._closed[again], self._close[again] = self._close[again], _LONG_AGO
        self._heard[heard] = at
        soon = heard & (at - self._closed <= WITHIN)
        if not soon.any():
            return self._usual
        return np.where(soon & (scores >= SHARE * scores.sum()), self.lowered, self._usual)

    def note(self, heard: NDArray[np.bool_], scores: NDArray[np.float64], at: int, fired: int | None) -> None:
        """Take what came of that window: the smoothed scores (words,), and the number of the word that fired if any."""
        if fired is not None:
            said = self._going_on | heard
            said[fired] = True
            self._close[said] = self._closed[said] = _LONG_AGO
            self._hit = at
        if self._quiet:
            return
        apart = (self._begun >= self._hit + PAUSE) | (at - self._hit > WITHIN)
        self._close[heard & (scores >= self.lowered) & apart] = at

    def take(self, word: int, other: SecondChances, before: int) -> None:
        """Take over the state of a word, which has the number `before` in `other`."""
        self._heard[word] = other._heard[before]
        self._last[word], self._quiet = other._last[before], False
        self._close[word], self._closed[word] = other._close[before], other._closed[before]
        self._begun, self._hit = other._begun, other._hit
        self._whole, self._missing = other._whole, other._missing

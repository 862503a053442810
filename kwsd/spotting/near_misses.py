"""Notices words that came close to firing and did not, so that people can see why nothing happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kwsd.samples import samples_in

Reason = Literal["score", "late", "refractory", "fired"]

SETTLED = samples_in(300)
"""Samples heard without a window that resembles a word, after which the word is over: its score may dip while it is
said. Lost samples and windows that are left out are no such pause, as the word is in the windows after them, too."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the word that a window resembles most stands, by its smoothed score at sample `at`.

    `reason` tells what keeps it from firing: its "score" is below the threshold, it has "fired" and not been below it
    since, it comes too "late", or within the "refractory" time of the word before.
    """

    word: str
    score: float
    threshold: float
    at: int
    reason: Reason


class NearMisses:
    """One stream's near misses: at most one for each stretch of windows that resemble a word, none where one fired."""

    def __init__(self) -> None:
        self._closest: Standing | None = None
        self._apart = 0  # samples heard since the last window that resembled a word
        self._fired = False

    def feed(self, standing: Standing | None, hop: int, *, fired: bool) -> Standing | None:
        """Take what the trigger made of a window with `hop` new samples; the near miss, once it is over."""
        self._fired |= fired or (standing is not None and standing.reason == "fired")
        if standing is None and not fired:
            self._apart += hop
            return self.end() if self._apart >= SETTLED else None
        self._apart = 0
        if standing and not (self._closest and _is_closer(self._closest, standing)):
            self._closest = standing
        return None

    def end(self) -> Standing | None:
        """The near miss that is not over yet, if any, where no more windows follow."""
        missed = None if self._fired else self._closest
        self._closest, self._fired = None, False
        return missed


def _is_closer(first: Standing, second: Standing) -> bool:
    """Whether a standing is closer to firing than a later one. What is over the threshold came when it came."""
    return first.reason != "score" or (second.reason == "score" and first.score >= second.score)

"""Notices words that came close to firing and did not, so that people can see why nothing happened."""

from __future__ import annotations

from kwsd.samples import samples_in
from kwsd.spotting.trigger import Standing

SETTLED = samples_in(300)
"""Samples without a window that resembles a word, after which the word is over: its score may dip while it is said."""


class NearMisses:
    """One stream's near misses: at most one for each stretch of windows that resemble a word, none where one fired."""

    def __init__(self) -> None:
        self._closest: Standing | None = None
        self._until = -SETTLED  # the end of the last window that resembled a word
        self._fired = False

    def feed(self, standing: Standing | None, at: int, *, fired: bool) -> Standing | None:
        """Take what the trigger made of the window that ends at sample `at`; the near miss, once it is over."""
        self._fired |= fired
        if standing is None and not fired:
            return self.end() if at - self._until >= SETTLED else None
        self._until = at
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
    return first.reason != "score" or first.score >= second.score

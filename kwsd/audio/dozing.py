"""How far apart the looks at the audio lie: a hop, or three while the next windows cannot matter.

In silence nothing costs but the waking of threads: one to read what has come, one to cut windows from it. The windows
are the same however late they are cut, a hop apart. No word is later for it: one that fires takes two windows with
scores, and is longer than two hops of 100 ms and the pause after it.
"""

from __future__ import annotations

from collections.abc import Callable

from kwsd.audio.napping import EARLY_S
from kwsd.events import RATE

LONGEST = 3 * RATE // 10
"""Samples from one look to the next at most, where a hop is not longer itself."""
_HOPS = 3
_LATE_S = 0.01
"""In a doze, readers sleep until all has come, rather than to be there when it comes: they wake once, not thrice."""


class Doze:
    """What the reader of the audio tells those who bring it, in other threads: it looks at multiples of `span` samples
    only, in any stream, and they need not be awake until `early_s` before these are there (or, below 0, after)."""

    def __init__(self, hop: int) -> None:
        """Awake: a look at each hop of `hop` samples."""
        self.span = self._hop = hop
        self._longest = max([hop, *(hop * count for count in range(1, _HOPS + 1) if hop * count <= LONGEST)])
        self._wakes: list[Callable[[], object]] = []

    @property
    def early_s(self) -> float:
        """When to be awake, in seconds before the end of a span."""
        return EARLY_S if self.span == self._hop else -_LATE_S

    def attach(self, wake: Callable[[], object]) -> None:
        """Call `wake`, in the reader's thread, when the span has become shorter; it must return at once."""
        self._wakes.append(wake)

    def doze(self, quiet: bool) -> None:
        """Look at every third hop, if the next windows cannot matter; or at each again."""
        before = self.span
        self.span = self._longest if quiet else self._hop
        if self.span < before:
            for wake in self._wakes:
                wake()

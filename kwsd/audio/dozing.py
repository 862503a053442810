"""How far apart the looks at the audio lie: a hop, or two while the next window cannot matter.

In silence nothing costs but the waking of threads: one to read what has come, one to cut windows from it. The windows
are the same however late they are cut, a hop apart.
"""

from __future__ import annotations

from collections.abc import Callable

from kwsd.events import RATE

LONGEST = RATE // 5
"""Samples from one look to the next at most, where a hop is not longer itself."""


class Doze:
    """What the reader of the audio tells those who bring it, in other threads: it looks at multiples of `span` samples
    only, in any stream."""

    def __init__(self, hop: int) -> None:
        """Awake: a look at each hop of `hop` samples."""
        self.span = self._hop = hop
        self._wakes: list[Callable[[], object]] = []

    def attach(self, wake: Callable[[], object]) -> None:
        """Call `wake`, in the reader's thread, when the span has become shorter; it must return at once."""
        self._wakes.append(wake)

    def doze(self, quiet: bool) -> None:
        """Look at every second hop, if the next window cannot matter; or at each again."""
        before = self.span
        self.span = 2 * self._hop if quiet and 2 * self._hop <= LONGEST else self._hop
        if self.span < before:
            for wake in self._wakes:
                wake()

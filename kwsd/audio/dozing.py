"""How far apart the looks at the audio lie: a hop, or three while the next windows cannot matter.

In silence nothing costs but the waking of threads: one to read what has come, one to cut windows from it. The windows
are the same however late they are cut, a hop apart. No word is later for it: one that fires takes two windows with
scores, and is longer than two hops of 100 ms and the pause after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kwsd.audio.napping import EARLY_S
from kwsd.events import RATE

LONGEST = 3 * RATE // 10
"""Samples from one look to the next at most, where a hop is not longer itself."""
_BLOCKS_MS = range(50, 10, -10)
"""What a device's block may last. A sound server whose own blocks do not divide it hands it over late, at worst by a
block of ours."""
_BLOCK_MS = 20
_HOPS = 3
_LATE_S = 0.01
"""In a doze, readers sleep until all has come, rather than to be there when it comes: they wake once, not thrice."""


class Looks(NamedTuple):
    """When somebody looks: at multiples of `span` samples. Nobody need be awake until `early_s` before these are there
    (or, below 0, after)."""

    span: int
    early_s: float

    @property
    def dozing(self) -> bool:
        """Whether nobody waits for what comes."""
        return self.early_s < 0


class Doze:
    """What the reader of the audio tells those who bring it, in other threads and of any stream: when it `looks`."""

    def __init__(self, hop: int) -> None:
        """Awake: a look at each hop of `hop` samples."""
        self._awake = self.looks = Looks(hop, EARLY_S)
        longest = max((hop * count for count in range(2, _HOPS + 1) if hop * count <= LONGEST), default=hop)
        self._asleep = Looks(longest, -_LATE_S) if longest > hop else self._awake
        self._wakes: list[Callable[[], object]] = []
        self.block_ms = _block_ms(hop)
        """A device's blocks should be of so many milliseconds: where that can be, one ends where each hop does."""

    @property
    def span(self) -> int:
        """Samples from one look to the next."""
        return self.looks.span

    def attach(self, wake: Callable[[], object]) -> None:
        """Call `wake`, in the reader's thread, when looks have come nearer; it must return at once."""
        self._wakes.append(wake)

    def doze(self, quiet: bool) -> None:
        """Look at every third hop, if the next windows cannot matter; or at each again."""
        before, self.looks = self.looks, self._asleep if quiet else self._awake
        if self.looks.span < before.span:
            for wake in self._wakes:
                wake()


def _block_ms(hop: int) -> int:
    """The longest block that hops are made of, if there is one: each costs a thread's waking, and nobody looks in
    between."""
    whole = (ms for ms in _BLOCKS_MS if hop and hop % (ms * RATE // 1000) == 0)
    return next(whole, _BLOCK_MS)

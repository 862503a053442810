"""How far apart the looks at the audio lie: a hop, or as far as the next window that can matter.

In silence nothing costs but the waking of threads, and little else in speech that sounds like no word: one to read what
has come, one to cut windows from it. The windows are the same however late they are cut, a hop apart. In speech
somebody looks whenever a window is to be scored. In silence that is after 300 ms, and few words fire sooner than that
after somebody began to speak: 39 of 1,739 in streams. That somebody does, or no longer, may be told as late. Where the
one who brings the audio hears himself that nobody speaks, the other sleeps on, for 900 ms at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kwsd.audio.napping import EARLY_S
from kwsd.samples import RATE, samples_in

LONGEST = 3 * RATE // 10
"""Samples from one look to the next at most, where a hop is not longer itself."""
GUARDED = 3
"""Looks in a doze of which two are left out while whoever brings the audio hears that nobody speaks."""
_BLOCKS_MS = range(50, 10, -10)
"""What a device's block may last. A sound server whose own blocks do not divide it hands it over late, at worst by a
block of ours."""
_BLOCK_MS = 20
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

    def __init__(self, hop: int, longest: int = LONGEST) -> None:
        """Awake: a look at each hop of `hop` samples. Never less than one in `longest` samples, or a hop if that is
        longer."""
        self._hops = longest // hop if hop else 0
        self._awake = self.looks = Looks(hop, EARLY_S)
        self._asleep = Looks(hop * self._hops, -_LATE_S) if self._hops > 1 else self._awake
        self._wakes: list[Callable[[], object]] = []
        self.block_ms = _block_ms(hop)
        """A device's blocks should be of so many milliseconds: where that can be, one ends where each hop does."""

    @property
    def span(self) -> int:
        """Samples from one look to the next."""
        return self.looks.span

    def next_look(self, heard: int) -> int:
        """Where the first look after sample `heard` is."""
        return heard // self.span * self.span + self.span

    def last_look(self, heard: int) -> int:
        """Where the first look after sample `heard` is if nobody is heard to speak until then."""
        return self.next_look(heard) + self.left_out

    @property
    def left_out(self) -> int:
        """How many samples later that is than the next look."""
        return (GUARDED - 1) * self.span * self.looks.dozing

    def attach(self, wake: Callable[[], object]) -> None:
        """Call `wake`, in the reader's thread, when looks have come nearer; it must return at once."""
        self._wakes.append(wake)

    def look(self, span: int | None) -> None:
        """Look at multiples of `span` samples, and in between where they lie further apart than looks in a doze; at
        each hop where they are none of its multiples. None: doze, as the next windows cannot matter."""
        before = self.looks
        self.looks = self._asleep if span is None else Looks(self._awake.span * self._every(span), EARLY_S)
        nearer = before.span and self.looks.span % before.span  # at some of them nobody would have looked
        if not self.looks.dozing and (before.dozing or nearer):
            for wake in self._wakes:
                wake()

    def _every(self, span: int) -> int:
        """The most hops from one look to the next with which none of the multiples of `span` samples is missed."""
        hop = self._awake.span
        if not hop or span % hop:
            return 1
        return max((count for count in range(1, self._hops + 1) if span // hop % count == 0), default=1)


def _block_ms(hop: int) -> int:
    """The longest block that hops are made of, if there is one: each costs a thread's waking, and nobody looks in
    between."""
    whole = (ms for ms in _BLOCKS_MS if hop and hop % samples_in(ms) == 0)
    return next(whole, _BLOCK_MS)

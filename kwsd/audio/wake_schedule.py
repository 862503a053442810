"""How often the worker wakes for the audio: every hop, or only for the next window that can matter.

In silence, and in speech that sounds like no word, waking threads is the main cost: one reads the audio, one cuts
windows from it. The windows are the same however late they are cut. In speech the worker wakes for each window that is
to be scored; in silence every 300 ms, as few words fire sooner than that after speech begins (39 of 1,739 in streams),
and its begin and end may be told as late. While the thread that brings the audio hears no speech itself, the worker
sleeps for up to 900 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kwsd.audio.read_delay import EARLY_S
from kwsd.samples import RATE, samples_in

LONGEST = 3 * RATE // 10
"""The most samples from one wake-up to the next, where a hop is not longer itself."""
GUARDED = 3
"""Of so many wake-ups in silence one is kept while the thread that brings the audio hears no speech."""
_BLOCKS_MS = range(50, 10, -10)
"""What a device's block may last. A sound server whose own blocks do not divide it hands it over late, at worst by a
block of ours."""
_BLOCK_MS = 20
_LATE_S = 0.01
"""In silence readers sleep until all samples are there, not until shortly before: they wake once, not three times."""


class WakePoints(NamedTuple):
    """When the worker wakes: at multiples of `span` samples. No thread need be awake until `early_s` seconds before
    these are there (below 0: after)."""

    span: int
    early_s: float

    @property
    def idle(self) -> bool:
        """Whether nobody waits for the samples as they come."""
        return self.early_s < 0


class WakeSchedule:
    """When the worker wakes next, told to the threads that bring it the audio of any stream."""

    def __init__(self, hop: int, longest: int = LONGEST) -> None:
        """At each hop of `hop` samples at first; later at least once in `longest` samples, or a hop if that is longer.
        With a hop of 0 the audio is wanted at once."""
        self._hops = longest // hop if hop else 0
        self._awake = self.points = WakePoints(hop, EARLY_S)
        self._asleep = WakePoints(hop * self._hops, -_LATE_S) if self._hops > 1 else self._awake
        self._wakes: list[Callable[[], object]] = []
        self.block_ms = _block_ms(hop)
        """A device's blocks should be of so many milliseconds: where that can be, one ends where each hop does."""

    @property
    def span(self) -> int:
        """Samples from one wake-up to the next."""
        return self.points.span

    def next_wake(self, heard: int) -> int:
        """The sample of the first wake-up after sample `heard`."""
        return heard // self.span * self.span + self.span

    def last_wake(self, heard: int) -> int:
        """The sample of the first wake-up after sample `heard` if no speech is heard until then."""
        return self.next_wake(heard) + self.skipped

    @property
    def skipped(self) -> int:
        """Samples between `next_wake` and `last_wake`."""
        return (GUARDED - 1) * self.span * self.points.idle

    def attach(self, wake: Callable[[], object]) -> None:
        """Call `wake`, in the worker's thread, when wake-ups have moved closer; it must return at once."""
        self._wakes.append(wake)

    def wake_at(self, span: int | None) -> None:
        """Wake at multiples of `span` samples, and between them where they lie further apart than in silence; at each
        hop where `span` is none of its multiples. None: nothing that is due can fire, wake as in silence."""
        before = self.points
        self.points = self._asleep if span is None else WakePoints(self._awake.span * self._every(span), EARLY_S)
        nearer = before.span and self.points.span % before.span  # some of them the old schedule would have missed
        if not self.points.idle and (before.idle or nearer):
            for wake in self._wakes:
                wake()

    def _every(self, span: int) -> int:
        """The most hops from one wake-up to the next with which none of the multiples of `span` samples is missed."""
        hop = self._awake.span
        if not hop or span % hop:
            return 1
        return max((count for count in range(1, self._hops + 1) if span // hop % count == 0), default=1)


def _block_ms(hop: int) -> int:
    """The longest block that hops are made of, if there is one: each block wakes a thread, to no use within a hop."""
    whole = (ms for ms in _BLOCKS_MS if hop and hop % samples_in(ms) == 0)
    return next(whole, _BLOCK_MS)

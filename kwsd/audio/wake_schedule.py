"""How often the worker wakes for the audio: every hop, or only for the next window that can matter.

In silence, and in speech that sounds like no word, the main cost is waking two threads: the one that reads the audio
and the worker, which cuts windows from it. The windows are the same however late they are cut. In speech the worker
wakes for each window that is to be scored. In silence it wakes every 300 ms: few words fire sooner than that after
speech begins (39 of 1,739 in streams), and the events of its beginning and end may be that late. While the reading
thread itself detects no speech, the worker sleeps for up to 900 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kwsd.audio.read_delay import EARLY_S
from kwsd.samples import RATE, samples_in

LONGEST = 3 * RATE // 10
"""The most samples from one wake-up to the next, unless a hop is longer."""
GUARDED = 3
"""In silence, one in so many wake-ups is kept while the reading thread detects no speech."""
_BLOCKS_MS = range(50, 10, -10)
"""Lengths that a device's block may have. A sound server whose own blocks do not divide ours delivers ours late, at
worst by one of them."""
_BLOCK_MS = 20
_LATE_S = 0.01
"""In silence, readers sleep until this long after all samples are there, not until before: they wake once, not three
times."""


class WakePoints(NamedTuple):
    """When the worker wakes: at multiples of `span` samples.

    Other threads may sleep until `early_s` seconds before these are there, or until after that if it is negative.
    """

    span: int
    early_s: float

    @property
    def idle(self) -> bool:
        """Whether samples are not needed as soon as they arrive, as in silence."""
        return self.early_s < 0


class WakeSchedule:
    """When the worker wakes next; shared with the threads that bring it the audio of all streams."""

    def __init__(self, hop: int, longest: int = LONGEST) -> None:
        """Wake at each hop of `hop` samples at first, later at least once in `longest` samples (or a hop, if longer).

        With a hop of 0, audio is wanted as soon as it arrives.
        """
        self._hops = longest // hop if hop else 0
        self._awake = self.points = WakePoints(hop, EARLY_S)
        self._asleep = WakePoints(hop * self._hops, -_LATE_S) if self._hops > 1 else self._awake
        self._wakes: list[Callable[[], object]] = []
        self.block_ms = _block_ms(hop)
        """Milliseconds that a device's blocks should last: if possible, each hop ends at the end of a block."""

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
        """Have `wake` called, in the worker's thread, whenever wake-ups have moved closer; it must not block."""
        self._wakes.append(wake)

    def wake_at(self, span: int | None) -> None:
        """Wake at multiples of `span` samples, and in between where these lie further apart than wake-ups in silence.

        At each hop where `span` is not a multiple of the hop. As in silence for None: no window that is due can fire.
        """
        before = self.points
        self.points = self._asleep if span is None else WakePoints(self._awake.span * self._every(span), EARLY_S)
        nearer = before.span and self.points.span % before.span  # the old schedule would miss some wake-ups
        if not self.points.idle and (before.idle or nearer):
            for wake in self._wakes:
                wake()

    def _every(self, span: int) -> int:
        """The most hops from one wake-up to the next that do not miss a multiple of `span` samples."""
        hop = self._awake.span
        if not hop or span % hop:
            return 1
        return max((count for count in range(1, self._hops + 1) if span // hop % count == 0), default=1)


def _block_ms(hop: int) -> int:
    """The longest block that divides a hop, if there is one: each block wakes a thread, in vain within a hop."""
    whole = (ms for ms in _BLOCKS_MS if hop and hop % samples_in(ms) == 0)
    return next(whole, _BLOCK_MS)

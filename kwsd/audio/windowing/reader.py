"""The reader of a ring: which windows come next, and how many samples were lost before each."""

from __future__ import annotations

from itertools import islice

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.adaptive_hop import AdaptiveHop
from kwsd.audio.windowing.gaps import begun_before, is_missing, lost_before
from kwsd.audio.windowing.ring import Ring, RingState
from kwsd.audio.windowing.window import Window
from kwsd.samples import RATE

LATE = RATE // 5
"""Windows of a live stream are late if they are taken more samples than this after they were to be taken. A machine
that keeps up is late by the length of a device's block at most."""


class Reader:
    """Cuts the windows of one stream from its ring, and keeps track of which comes next."""

    def __init__(
        self,
        stream: str,
        ring: Ring,
        hop: int,
        lengths: tuple[int, int],
        tail: int,
        schedule: WakeSchedule,
        adaptive: AdaptiveHop | None,
        keep: int,
    ) -> None:
        """Read `ring` from its beginning.

        `lengths`: the samples of a window, and how many of them, the last, its scores are about. `tail` samples of
        zeros follow the end of the stream. The other parameters are those of `kwsd.audio.windowing.windows.windows`.
        """
        self._stream, self._ring = stream, ring
        self._grid, self._tail = hop, tail
        self._length, self._about = lengths
        self._schedule, self._adaptive, self._keep = schedule, adaptive, keep
        self._hop = hop  # a multiple of the grid
        self._heard = 0  # where the last window that was handed out ended
        self._open = 0  # samples before that of a gap that goes on beyond it; reported when the gap has ended

    def due(self, most: int) -> int:
        """How many windows can be taken now, counted up to `most`; sets the hop for them."""
        state = self._ring.state()
        if self._adaptive and not state.closed:
            lost = sum(max(0, gap.stop - max(gap.start, self._heard)) for gap in state.gaps)
            self._adaptive.observe(state.written, self._heard, lost + self._schedule.skipped)
            self._hop = self._adaptive.hop
        self._expect()
        return len(self._ends(self._ring.state(), most))  # samples that came before they were expected woke nobody

    def finished(self) -> bool:
        """Whether the stream has ended and all its windows are handed out. Raises the error that ended it."""
        state = self._ring.state()
        if not state.closed or self._ends(state, 1):
            return False
        if self._ring.error is not None:
            raise self._ring.error
        return True

    def take(self, most: int) -> list[Window]:
        """Take the next windows, `most` at most, and release the samples that are no longer needed to the writer."""
        while True:
            state = self._ring.state()
            ends = self._ends(state, most)
            if not ends:
                return []
            first = ends[0] - self._length
            span = self._ring.read(first, ends[-1])
            if span is not None:  # else lapped since the state was taken: look again
                break
        span.flags.writeable = False  # the windows share it
        wake = max(self._heard + self._hop, self._schedule.last_wake(self._heard))
        late = self._adaptive is not None and state.written - wake > LATE
        cut = []
        for end in ends:
            samples = span[end - self._length - first : end - first]
            lost = lost_before(self._heard, end, end - self._about, state.gaps)
            if not any(gap.start < self._heard < gap.stop for gap in state.gaps):
                lost += self._open  # the ring no longer holds the gap
            self._open = begun_before(self._heard, end, end - self._about, state.gaps)
            cut.append(Window(self._stream, end, samples, lost, late, hop=self._hop))
            self._heard = end
        oldest = ends[0] - self._keep if self._keep else self._heard + self._grid
        self._ring.release(oldest - self._length)
        self._expect()
        return cut

    def _expect(self) -> None:
        """Have the ring wake us for the next window that may matter."""
        first = max(self._heard + self._hop, self._schedule.next_wake(self._heard))
        self._ring.expect(first, self._schedule.last_wake(self._heard))

    def _ends(self, state: RingState, most: int) -> list[int]:
        """The ends of the next windows that are due, `most` at most."""
        last = state.written // self._grid * self._grid
        start = self._heard + self._hop
        if max(start - self._length, 0) < state.first:  # lapped: late audio is worthless
            start = last
        if state.closed and state.written:
            last = -(-(state.written + self._tail) // self._grid) * self._grid
        ends = range(start, last + 1, self._hop)
        return list(islice((end for end in ends if not is_missing(end - self._hop, end, state.gaps)), most))

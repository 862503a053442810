"""Windows cut from rings: what the classifier sees, one hop after the other, of every stream in one batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.adaptive_hop import AdaptiveHop
from kwsd.audio.dozing import Doze
from kwsd.audio.pace import Pace
from kwsd.audio.ring import Extent, Gap, Ring
from kwsd.events import RATE

BATCH = 64
"""Windows of a recording that are handed out at once, at most: few of them are scored, and those on all cores."""
LIVE_BATCH = 16
"""The same of a microphone; `kwsd.audio.pace` says how many of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """`samples` (length,) int16, read-only, of `stream`, up to sample `end` (exclusive).

    The newest `hop` of them are new since the window before. Zeros stand where the stream had not begun or has
    ended. `lost` counts the samples before `end` that were dropped by the device, or that no window held because
    the reader was lapped, since the window before.
    """

    stream: str
    end: int
    samples: NDArray[np.int16]
    lost: int = 0
    hop: int = field(kw_only=True)

    @property
    def start(self) -> int:
        """The number of the first sample; negative at the start of a stream."""
        return self.end - len(self.samples)


def windows(
    rings: Mapping[str, Ring],
    *,
    hop: int,
    length: int = RATE,
    about: int | None = None,
    batch: int = BATCH,
    tail: int = 8000,
    adaptive: Mapping[str, AdaptiveHop] | None = None,
    doze: Doze | None = None,
    keep: int = 0,
) -> Iterator[list[Window]]:
    """Wait until a window is due in any ring, and yield all that are due: each stream's in order, `batch` at most. What
    is in none's last `about` samples (None for all) was not heard.

    Window k of a stream ends at sample (k + 1) * hop; a stream's `adaptive` hop, if it has one, may be wider, and where
    any has, fewer come at once on a slow machine. `doze` says which of them are worth waking for; the others come with
    the next one of these. After the end of a stream, windows go on over `tail` samples of zeros, so that its last word
    is heard in full; then the error that ended it, if any, is raised here. A reader that was lapped goes on at the
    newest window; windows whose newest hop never arrived are left out. Of a recording the ring still holds what has
    been handed out last, and `keep` samples before it, if there are to be any. Ends when all streams have. Raises
    ValueError for a hop longer than a window, or a ring with less room than `room_for` says.
    """
    if not 0 < hop <= length:
        raise ValueError(f"a hop of {hop} samples in windows of {length}")
    for stream, ring in rings.items():
        if ring.capacity < room_for(length, hop, keep, batch):
            raise ValueError(f"{stream}: a ring of {ring.capacity} samples holds less than two windows of {length}")
    changed = threading.Event()
    doze, adaptive = doze or Doze(hop), adaptive or {}
    readers = [
        _Reader(stream, ring, hop, (length, about or length), tail, doze, adaptive.get(stream), keep)
        for stream, ring in rings.items()
    ]
    for ring in rings.values():
        ring.attach(changed.set)
    pace = Pace(batch)
    while readers:
        changed.clear()  # before looking, so that what comes meanwhile is not slept through
        due = _take(readers, pace.most if adaptive else batch)
        if due:
            handed = time.monotonic()
            yield due
            pace.took(len(due), time.monotonic() - handed)
        going = [reader for reader in readers if not reader.finished()]
        if not due and len(going) == len(readers):
            changed.wait()
        readers = going[1:] + going[:1]  # whoever came first in this batch comes last in the next


def room_for(length: int, hop: int, keep: int = 0, batch: int = BATCH) -> int:
    """The samples that a ring must hold, by what `windows` is told of: two windows, and what is kept of a batch."""
    return 2 * length + (keep + batch * hop if keep else 0)


def _take(readers: Sequence[_Reader], batch: int) -> list[Window]:
    """The due windows of all readers, `batch` at most, one of each in turn."""
    waiting = [reader.due(batch) for reader in readers]
    shares = [0] * len(readers)
    while sum(shares) < min(batch, sum(waiting)):
        for i, count in enumerate(waiting):
            if shares[i] < count and sum(shares) < batch:
                shares[i] += 1
    taken = [reader.take(share) for reader, share in zip(readers, shares, strict=True)]
    return [window for turn in zip_longest(*taken) for window in turn if window is not None]


class _Reader:
    """One stream's place: which window comes next."""

    def __init__(
        self,
        stream: str,
        ring: Ring,
        hop: int,
        lengths: tuple[int, int],
        tail: int,
        doze: Doze,
        adaptive: AdaptiveHop | None,
        keep: int,
    ) -> None:
        self._stream, self._ring = stream, ring
        self._grid, self._tail = hop, tail
        self._length, self._about = lengths
        self._doze, self._adaptive, self._keep = doze, adaptive, keep
        self._hop = hop  # a multiple of the grid
        self._heard = 0  # the end of the last one handed out
        self._open = 0  # samples before it that a gap swallowed which ends after it; to be told then

    def due(self, most: int) -> int:
        """How many windows can be taken now, counted up to `most`; sets the hop for them."""
        extent = self._ring.extent()
        if self._adaptive and not extent.closed:
            lost = sum(max(0, gap.stop - max(gap.start, self._heard)) for gap in extent.gaps)
            self._adaptive.observe(extent.written, self._heard, lost)
            self._hop = self._adaptive.hop
        self._expect()
        return len(self._ends(self._ring.extent(), most))  # what came before it was expected woke nobody

    def finished(self) -> bool:
        """Whether the stream is over and all its windows are out. Raises the error that ended it."""
        extent = self._ring.extent()
        if not extent.closed or self._ends(extent, 1):
            return False
        if self._ring.error is not None:
            raise self._ring.error
        return True

    def take(self, most: int) -> list[Window]:
        """The next windows, `most` at most, and room for the writer."""
        while True:
            extent = self._ring.extent()
            ends = self._ends(extent, most)
            if not ends:
                return []
            first = ends[0] - self._length
            span = self._ring.read(first, ends[-1])
            if span is not None:  # else lapped since the extent was taken: look again
                break
        span.flags.writeable = False  # the windows share it
        cut = []
        for end in ends:
            samples = span[end - self._length - first : end - first]
            lost = _lost(self._heard, end, end - self._about, extent.gaps)
            if not any(gap.start < self._heard < gap.stop for gap in extent.gaps):
                lost += self._open  # the gap has been lapped with all else
            self._open = _begun(self._heard, end, end - self._about, extent.gaps)
            cut.append(Window(self._stream, end, samples, lost, hop=self._hop))
            self._heard = end
        oldest = ends[0] - self._keep if self._keep else self._heard + self._grid
        self._ring.release(oldest - self._length)
        self._expect()
        return cut

    def _expect(self) -> None:
        """Be woken for the next window that is worth a look."""
        self._ring.expect(max(self._heard + self._hop, self._doze.next_look(self._heard)))

    def _ends(self, extent: Extent, most: int) -> list[int]:
        """Where the next windows end that are due, `most` at most."""
        last = extent.written // self._grid * self._grid
        start = self._heard + self._hop
        if max(start - self._length, 0) < extent.first:  # lapped: late audio is worthless
            start = last
        if extent.closed and extent.written:
            last = -(-(extent.written + self._tail) // self._grid) * self._grid
        ends = range(start, last + 1, self._hop)
        return list(islice((end for end in ends if not _missing(end - self._hop, end, extent.gaps)), most))


def _missing(start: int, stop: int, gaps: Sequence[Gap]) -> bool:
    """Whether not one of the samples `start` to `stop` arrived."""
    return any(gap.start <= start and stop <= gap.stop for gap in gaps)


def _lost(heard: int, end: int, start: int, gaps: Sequence[Gap]) -> int:
    """Samples lost since the window that ended at `heard`, for one from `start` to `end`.

    A gap counts as a whole in the first window that ends after it. What lies between the two windows was lapped.
    """
    over = [gap for gap in gaps if heard < gap.stop <= end]
    return max(0, start - heard) + sum(_untold(gap, gap.stop, heard, start) for gap in over)


def _begun(heard: int, end: int, start: int, gaps: Sequence[Gap]) -> int:
    """Samples before `end` of the gap that ends after it, for the same windows."""
    return sum(_untold(gap, end, heard, start) for gap in gaps if gap.start < end < gap.stop)


def _untold(gap: Gap, stop: int, heard: int, start: int) -> int:
    """Samples of the gap before `stop` that do not count as lapped, between `heard` and `start`, anyhow."""
    return stop - gap.start - max(0, min(stop, start) - max(gap.start, heard))

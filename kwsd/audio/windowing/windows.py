"""Cuts windows, one per hop, from the rings of all streams, and hands them out in batches for the classifier."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.adaptive_hop import AdaptiveHop
from kwsd.audio.windowing.batch_sizer import LIVE_ASIDE_S, BatchSizer
from kwsd.audio.windowing.reader import Reader
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.window import Window
from kwsd.samples import RATE

BATCH = 64
"""Largest batch of windows of recordings; `kwsd.audio.windowing.batch_sizer` may make batches smaller."""
SPARED_BATCH = 160
"""Largest batch where few windows are scored: a larger batch more often has one to score for each core. A ring of ten
seconds holds no more."""
LIVE_BATCH = 20
"""Largest batch of live streams: all windows between two wake-ups in silence, at the usual hop."""

_FIRST = 32
"""Size of the first batch of recordings, before it is known how long scoring takes."""


def windows(
    rings: Mapping[str, Ring],
    *,
    hop: int,
    length: int = RATE,
    about: int | None = None,
    batch: int = BATCH,
    tail: int = 8000,
    adaptive: Mapping[str, AdaptiveHop] | None = None,
    schedule: WakeSchedule | None = None,
    keep: int = 0,
) -> Iterator[list[Window]]:
    """Wait until a window is due in any ring, then yield all due windows, until all streams have ended.

    A batch has the windows of each stream in order, `batch` at most, fewer where they take long. Window k of a stream
    ends at sample (k + 1) * hop; a stream's `adaptive` hop, if it has one, may be wider. `schedule` says which windows
    are worth waking for; the others come with the next of these. After the end of a stream, windows go on over `tail`
    samples of zeros, so that its last word is heard in full; then the error that ended it, if any, is raised.

    A reader that was lapped goes on at the newest window; windows whose newest hop never arrived are left out. Samples
    that lie in the last `about` (None: all) samples of no window count as lost. With `keep`, the ring of a recording
    still holds the latest batch and `keep` samples before it. Raises ValueError for a hop longer than a window, or a
    ring smaller than `room_for` says.
    """
    if not 0 < hop <= length:
        raise ValueError(f"a hop of {hop} samples in windows of {length}")
    for stream, ring in rings.items():
        if ring.capacity < (room := room_for(length, hop, keep, batch)):
            raise ValueError(f"{stream}: a ring of {ring.capacity} samples, for windows of {length} it takes {room}")
    changed = threading.Event()
    schedule, adaptive = schedule or WakeSchedule(hop), adaptive or {}
    readers = [
        Reader(
            stream,
            ring,
            hop=hop,
            lengths=(length, about or length),
            tail=tail,
            schedule=schedule,
            adaptive=adaptive.get(stream),
            keep=keep,
        )
        for stream, ring in rings.items()
    ]
    for ring in rings.values():
        ring.attach(changed.set)
    pace = BatchSizer(batch, 1, LIVE_ASIDE_S) if adaptive else BatchSizer(batch, _FIRST)
    while readers:
        changed.clear()  # before looking, so that no wake-up is missed
        due = _take(readers, pace.most)
        if due:
            handed = time.monotonic()
            yield due
            pace.took(len(due), time.monotonic() - handed)
        going = [reader for reader in readers if not reader.finished()]
        if not due and len(going) == len(readers):
            changed.wait()
        readers = going[1:] + going[:1]  # the first stream of this batch comes last in the next


def room_for(length: int, hop: int, keep: int, batch: int) -> int:
    """The samples that a ring must hold for `windows` with these parameters: two windows, and with `keep` a batch."""
    return 2 * length + (keep + batch * hop if keep else 0)


def _take(readers: Sequence[Reader], batch: int) -> list[Window]:
    """Take the due windows, `batch` at most, from the readers in turn."""
    waiting = [reader.due(batch) for reader in readers]
    shares = [0] * len(readers)
    while sum(shares) < min(batch, sum(waiting)):
        for i, count in enumerate(waiting):
            if shares[i] < count and sum(shares) < batch:
                shares[i] += 1
    taken = [reader.take(share) for reader, share in zip(readers, shares, strict=True)]
    return [window for turn in zip_longest(*taken) for window in turn if window is not None]

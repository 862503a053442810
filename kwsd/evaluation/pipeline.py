"""Audio on the daemon's own path, in this process and as fast as it is taken: a capture thread pumps the source into a
ring, and windows are cut from it, for a spotter to be fed with."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.source import Block, Source
from kwsd.audio.windowing.pump import pump
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import BATCH, windows
from kwsd.config import Config
from kwsd.samples import RATE

HOP = Config().model.hop
"""The daemon's default hop, in samples."""

_RING = 10 * RATE


class SamplesSource:
    """Samples in memory as a source; it waits when the ring is full."""

    live = False

    def __init__(self, name: str, samples: NDArray[np.int16]) -> None:
        self.name = name
        self._samples = samples
        self._closed = False

    def blocks(self) -> Iterator[Block]:
        """Blocks of a second."""
        for start in range(0, len(self._samples), RATE):
            if self._closed:
                return
            yield Block(self._samples[start : start + RATE])

    def close(self) -> None:
        """End `blocks()` at its next block."""
        self._closed = True


def windows_of(source: Source, *, hop: int = HOP, length: int = RATE, batch: int = BATCH) -> Iterator[list[Window]]:
    """The source's windows of `length` samples, up to `batch` at a time, cut from a ring that a thread fills; it is
    gone at the end. Raises what `source.blocks()` raises."""
    ring = Ring(max(_RING, 2 * length))
    thread = threading.Thread(target=pump, args=(source, ring), name="kwsd-capture")
    thread.start()
    try:
        yield from windows({source.name: ring}, hop=hop, length=length, batch=batch)
    finally:
        ring.close()
        source.close()
        thread.join()

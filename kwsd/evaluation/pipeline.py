"""Runs audio through the daemon's own path in this process, as fast as its windows are consumed.

A capture thread pumps the source into a ring, from which windows are cut for a spotter."""

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
from kwsd.samples import RATE
from kwsd.spotting.settings import SpottingSettings

_RING = 10 * RATE
_USUAL = SpottingSettings()


class SamplesSource:
    """A source of samples in memory; it is not live, so its pump waits while the ring is full."""

    live = False

    def __init__(self, name: str, samples: NDArray[np.int16]) -> None:
        self.name = name
        self._samples = samples
        self._closed = False

    def blocks(self) -> Iterator[Block]:
        """The samples in blocks of a second."""
        for start in range(0, len(self._samples), RATE):
            if self._closed:
                return
            yield Block(self._samples[start : start + RATE])

    def close(self) -> None:
        """End `blocks()` at its next block."""
        self._closed = True


def windows_of(
    source: Source, *, hop: int = _USUAL.hop, length: int = _USUAL.window, batch: int = BATCH
) -> Iterator[list[Window]]:
    """The source's windows of `length` samples, `hop` samples apart, up to `batch` at a time.

    They are cut from a ring that a thread fills; the thread ends with the generator. Raises what `source.blocks()`
    raises."""
    ring = Ring(max(_RING, 2 * length))
    thread = threading.Thread(target=pump, args=(source, ring), name="kwsd-capture")
    thread.start()
    try:
        yield from windows({source.name: ring}, hop=hop, length=length, batch=batch)
    finally:
        ring.close()
        source.close()
        thread.join()

"""Detects an input that delivers only one value: muted, unplugged from its card, or a converter that is stuck."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kwsd.events import DeviceAudible, DeviceSilent, Event
from kwsd.samples import RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


class Flatline:
    """Tells a dead input from a quiet room, whose samples are not all the same."""

    def __init__(self, limit: int) -> None:
        """An input counts as dead after `limit` samples of one value, zero or other."""
        self._limit = limit
        self._count = 0
        self._level: int | np.int16 = 0

    def interrupt(self) -> None:
        """Note a gap in the audio: unless the silence has been reported already, its count starts again."""
        if self._count < self._limit:
            self._count = 0

    def feed(self, samples: NDArray[np.int16], stream: str, at: int) -> Iterator[Event]:
        """The event caused by the newest samples (n,), which end at sample `at` of `stream`, if any."""
        before = self._count
        if not len(samples):
            return
        stuck, self._level = bool((samples == self._level).all()), samples[-1]
        if stuck:
            self._count += len(samples)
            if before < self._limit <= self._count:
                log.warning(
                    "%s: every sample has had the same value for %.0f s: is it muted?", stream, self._count / RATE
                )
                yield DeviceSilent(stream, at, self._count)
            return
        self._count = 0
        if before >= self._limit:
            log.warning("%s has sound again, after %.0f s of one value", stream, before / RATE)
            yield DeviceAudible(stream, at - len(samples), before)

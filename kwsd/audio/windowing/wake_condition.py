"""What the reader of a ring sleeps until: the samples that it expects, and, while nobody speaks, some more."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class WakeCondition:
    """When to wake a sleeping reader: its thread says what it expects, the writer's thread asks whether it is there.

    Waking a thread costs more than all else that is done for a block of audio.
    """

    def __init__(self, probe: Callable[[NDArray[np.int16]], bool] | None = None) -> None:
        """`probe` says whether the next samples (n,) int16 may contain speech; without it, nothing is slept through."""
        self._probe = probe
        self._lock = threading.Lock()
        self._first = self._latest = 0
        self._alarmed = False

    def expect(self, first: int, latest: int) -> None:
        """Sleep until `first` samples are there, or, if there is a probe that detects no speech, `latest`.

        Speech that was detected counts until more samples are expected than at that time.
        """
        with self._lock:
            if first > self._first:
                self._alarmed = False
            self._first = first
            self._latest = max(first, latest) if self._probe else first

    def listen(self, samples: NDArray[np.int16]) -> None:
        """Ask the probe about the next samples, if the reader sleeps on in silence; only for the writer's thread.

        No lock is held meanwhile. If the reader goes on before the answer is there, speech that it has taken already
        makes it wake up for the first samples that it expects next: early once, but never late.
        """
        with self._lock:
            sleeps_on = self._first < self._latest
        if sleeps_on and self._probe and self._probe(samples):
            with self._lock:
                self._alarmed = True

    def is_met(self, written: int) -> bool:
        """Whether to wake the reader, now that `written` samples are there."""
        with self._lock:
            return written >= (self._first if self._alarmed else self._latest)

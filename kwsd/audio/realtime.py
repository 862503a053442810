"""Paces recordings to real time, for `--realtime`."""

from __future__ import annotations

import threading
import time

from kwsd.samples import RATE


class RealtimePacer:
    """Releases audio when a microphone would deliver it.

    Deadlines count from the first call, so that a late wake-up shortens the next wait and delays do not add up.
    """

    def __init__(self, closed: threading.Event) -> None:
        """`closed`, once set, ends every wait."""
        self._closed = closed
        self._begun: float | None = None
        self._samples = 0

    def wait(self, samples: int) -> bool:
        """Wait until a microphone would have recorded the next `samples` samples in full. False once closed."""
        if self._begun is None:
            self._begun = time.monotonic()
        self._samples += samples
        deadline = self._begun + self._samples / RATE
        return not self._closed.wait(max(0.0, deadline - time.monotonic()))

"""How long a microphone is waited for, and by which clocks."""

from __future__ import annotations

import time
from dataclasses import dataclass

_AT_ONCE_S = 0.1
"""Two clocks that are read within so little time tell of one moment."""


@dataclass(frozen=True, slots=True)
class CaptureTimeouts:
    """How long capture may take, in seconds, until it counts as lost.

    `start_s` to import what it needs and probe the devices; `open_s` from there to the first block, where a device that
    does not give 16 kHz mono takes an import as well; `stall_s` from one block to the next. Between two attempts lie
    `first_pause_s`, then twice as much each time up to `last_pause_s`.
    """

    start_s: float = 17.0
    open_s: float = 8.0
    stall_s: float = 1.5
    first_pause_s: float = 0.25
    last_pause_s: float = 2.0


def clocks() -> tuple[float, float]:
    """Seconds since the machine was started, and how many of them it was suspended.

    A thread may have to wait between one clock and the other, which would look like sleep: then it asks again.
    """
    while True:
        before = time.monotonic()
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        if (awake := time.monotonic()) - before < _AT_ONCE_S:
            return now, now - awake

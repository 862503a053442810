"""Time-outs of audio capture, and the clocks that they are measured by."""

from __future__ import annotations

import time
from dataclasses import dataclass

_AT_ONCE_S = 0.1
"""Two clocks that are read within so many seconds count as read at the same moment."""


@dataclass(frozen=True, slots=True)
class CaptureTimeouts:
    """How long capture may take, in seconds, until it counts as lost.

    `start_s` is for imports and probing the devices; `open_s` from there to the first block, which includes another
    import if the device does not deliver 16 kHz mono; `stall_s` from one block to the next. The pause between two
    attempts is `first_pause_s` at first, and doubles each time up to `last_pause_s`. As an attempt costs as much as
    half a minute of silence, the pause grows on up to `gone_pause_s` once the device has been lost for `gone_s`; then
    the attempt's own time counts towards it, down to `last_pause_s`. So even the slowest attempt that is answered feeds
    the watchdog within the 30 seconds of kwsd's units.
    """

    start_s: float = 17.0
    open_s: float = 8.0
    stall_s: float = 1.5
    first_pause_s: float = 0.25
    last_pause_s: float = 2.0
    gone_s: float = 120.0
    gone_pause_s: float = 10.0


def clocks() -> tuple[float, float]:
    """Seconds since the machine was started, and how many of them it was suspended.

    A thread that is delayed between reading one clock and the other would take that for sleep, so it reads them again.
    """
    while True:
        before = time.monotonic()
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        if (awake := time.monotonic()) - before < _AT_ONCE_S:
            return now, now - awake

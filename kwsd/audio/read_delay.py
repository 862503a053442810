"""How long a thread that reads audio may sleep before the next samples that the worker needs can arrive.

Waking a thread for each block of audio costs more than processing the block, and no block is processed before the
worker's next wake-up (`kwsd.audio.wake_schedule`). Live samples cannot arrive earlier than they are recorded, so the
reader sleeps until shortly before that wake-up.
"""

from __future__ import annotations

import math

from kwsd.samples import RATE

EARLY_S = 0.015
"""The reader is awake this long before the worker's wake-up, and waits for the samples."""
_SHORTEST_S, _LONGEST_S = 0.025, 0.35
_SLOWER = 1.25
"""Audio may arrive this many times as fast as real time before its lead adds up: a fast clock still counts as live."""
_AHEAD_S = _LONGEST_S + 0.1
"""Audio with a greater lead on real time is not live, but a recording that waits for its reader. The blocks that gather
during one delay add up to less, even though each is counted by itself."""
_DRIFT, _SLOW_DRIFT = 0.02, 0.002
"""How fast the earliest arrival on record is forgotten, in seconds a second: clocks drift by less, so a block that came
early but once loses its effect. More slowly where delays end late, and so do not show how early a block can come."""


class ReadDelay:
    """Compares the number of samples of one stream with the clock, to tell how long its reader may sleep."""

    def __init__(self, span: int, *, early_s: float = EARLY_S) -> None:
        self.span = span
        """The worker wakes at multiples of so many samples; may be changed at any time; 0 means no delays."""
        self.written = 0.0
        """Samples so far, lost ones included."""
        self.early_s = early_s
        """Seconds before a span can be full at which a delay ends; negative for after it."""
        self._ahead_s = 0.0
        self._late_s, self._least_late_s = 0.0, math.inf
        self._before_s: float | None = None

    def milliseconds(self, now_s: float, arrived: float, lost: int = 0) -> float:
        """How long to sleep now that `arrived` samples have been read; `now_s` is the time by any one clock.

        `lost` samples, which never arrived, are numbered before them.
        """
        elapsed_s = 0.0 if self._before_s is None else now_s - self._before_s
        self._before_s = now_s
        self.written += lost + arrived
        self._ahead_s = max(0.0, self._ahead_s + arrived / RATE - _SLOWER * elapsed_s)
        drift = _DRIFT if self.early_s > 0 else _SLOW_DRIFT
        late_s = elapsed_s - (lost + arrived) / RATE
        if late_s > _LONGEST_S:  # the stream stood still: measure its delay anew
            self._least_late_s = math.inf
        self._late_s += late_s
        self._least_late_s = min(self._late_s, self._least_late_s + drift * elapsed_s)
        if not self.span or self._ahead_s > _AHEAD_S:
            self._least_late_s = math.inf
            return 0.0
        old_s = self._late_s - self._least_late_s  # the newest sample may have been there for most of a block
        missing_s = (self.span - self.written % self.span) / RATE - old_s
        delay_s = min(missing_s, _LONGEST_S) - self.early_s
        return 1000 * delay_s if delay_s > _SHORTEST_S else 0.0

"""How long a thread that reads audio may sleep: what has not been spoken yet cannot be missed.

Waking a thread for each block of audio costs more than all that is done with the block, and nothing is done before the
worker's next wake-up (`kwsd.audio.wake_schedule`). Its samples cannot be there before their time, so the reader sleeps
until shortly before that.
"""

from __future__ import annotations

import math

from kwsd.samples import RATE

EARLY_S = 0.015
"""So long before the worker's wake-up the reader is awake, and waits for the samples."""
_SHORTEST_S, _LONGEST_S = 0.025, 0.35
_SLOWER = 1.25
"""What was ahead of time is forgiven by a quarter of a second each second: a clock that runs fast is still live."""
_AHEAD_S = _LONGEST_S + 0.1
"""What is so much ahead of real time is not live, but a recording that waits for its reader. The blocks of one
delay are less than that, though each be counted by itself."""
_DRIFT, _SLOW_DRIFT = 0.02, 0.002
"""Two clocks run apart by less, in seconds a second: what once came earlier than ever again is forgotten. More slowly
where delays end late, and therefore do not see how early a block can come."""


class ReadDelay:
    """Counts one stream's samples against the clock."""

    def __init__(self, span: int, *, early_s: float = EARLY_S) -> None:
        self.span = span
        """Nothing is done before a multiple of so many samples, which may change at any time; 0: no delays."""
        self.written = 0.0
        """Samples that there were so far."""
        self.early_s = early_s
        """So long before a span can be full a delay ends; below 0, after."""
        self._ahead_s = 0.0
        self._late_s, self._least_late_s = 0.0, math.inf
        self._before_s: float | None = None

    def milliseconds(self, now_s: float, arrived: float, lost: int = 0) -> float:
        """How long to sleep, `now_s` by any clock, when all `arrived` samples that there were have been read.

        `lost` ones, which never arrived, are numbered before them.
        """
        elapsed_s = 0.0 if self._before_s is None else now_s - self._before_s
        self._before_s = now_s
        self.written += lost + arrived
        self._ahead_s = max(0.0, self._ahead_s + arrived / RATE - _SLOWER * elapsed_s)
        drift = _DRIFT if self.early_s > 0 else _SLOW_DRIFT
        late_s = elapsed_s - (lost + arrived) / RATE
        if late_s > _LONGEST_S:  # it stood still: what comes now is measured anew
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

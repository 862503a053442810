"""How many windows are handed out at once: few where scoring is slow, as everything else waits for the batch."""

from __future__ import annotations

ASIDE_S = 2.0
"""Seconds for which a batch may delay everything else: the watchdog, a wider hop, the request to stop."""
LIVE_ASIDE_S = 0.1
"""The same for live streams, whose words are published once their batch is over."""


class BatchSizer:
    """Learns from each batch how long a window takes; `most` is the size of the next batch."""

    def __init__(self, most: int, first: int = 1, aside_s: float = ASIDE_S) -> None:
        """Batches of `first` windows to begin with, and of `most` at most; each should take `aside_s` at most."""
        self._ceiling, self._aside_s = most, aside_s
        self.most = min(first, most)

    def took(self, count: int, seconds: float) -> None:
        """Record that the last batch, of `count` windows, took `seconds`.

        The next batch is at most twice as large: windows that the gate rejects take no time, and say nothing about
        those that it passes.
        """
        affordable = int(self._aside_s * count / seconds) if seconds > 0 else self._ceiling
        self.most = max(1, min(self._ceiling, 2 * self.most, affordable))

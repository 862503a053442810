"""How many windows are handed out at once: few where one takes long, as all else waits for them."""

from __future__ import annotations

ASIDE_S = 2.0
"""Seconds for which a batch may keep everyone waiting: the watchdog, a wider hop, the order to stop."""


class BatchSizer:
    """Learns from each batch how long a window takes. What it says of the next batch is `most`."""

    def __init__(self, most: int, first: int = 1) -> None:
        """Batches of `first` windows to begin with, and of `most` at most."""
        self._ceiling = most
        self.most = min(first, most)

    def took(self, count: int, seconds: float) -> None:
        """The last batch, of `count` windows, took so long.

        The next may be twice as large, not more: windows that the gate keeps out take no time, and say nothing about
        those that it lets in.
        """
        affordable = int(ASIDE_S * count / seconds) if seconds > 0 else self._ceiling
        self.most = max(1, min(self._ceiling, 2 * self.most, affordable))

"""Reports a pipe that is open but delivers nothing: its writer may hang, which nothing else would show."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

STALLED_S = 10.0
"""A pipe that delivers no samples for so long is reported."""


class Stall:
    """Measures how long one pipe has been waited for, without the time that its reader takes to process samples."""

    def __init__(self, name: str, *, told: bool = False) -> None:
        """With `told`, the user has been warned already that no samples may come."""
        self._name = name
        self._told = told
        self._level = logging.WARNING  # of the first report only: a push-to-talk source stalls again and again
        self.begin()

    def begin(self) -> None:
        """Start waiting."""
        self._since_s = time.monotonic()

    def left_ms(self) -> float | None:
        """Milliseconds until the stall is to be reported; None if it has been."""
        return None if self._told else 1000 * max(0.0, self._since_s + STALLED_S - time.monotonic())

    def tell(self) -> None:
        """Report the stall, unless it is too early."""
        if self.left_ms() == 0:
            self._told = True
            log.log(
                self._level, "%s: no samples for %.0f s, though it is open; see what feeds it", self._name, STALLED_S
            )

    def end(self) -> None:
        """Stop waiting: samples have arrived."""
        if self._told:
            self._told = False
            waited_s = time.monotonic() - self._since_s
            log.log(self._level, "%s goes on, after %.0f s without samples", self._name, waited_s)
            self._level = logging.INFO

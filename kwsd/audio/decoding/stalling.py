"""A pipe that stays open and gives nothing: whoever feeds it may hang, and nothing else would tell."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

STALLED_S = 10.0
"""A pipe may be without samples for so long before it is told."""


class Stall:
    """How long one pipe has been waited for. Only that counts: not the time that its reader took for what it gave."""

    def __init__(self, name: str, *, told: bool = False) -> None:
        """With `told`, somebody knows already that nothing may come."""
        self._name = name
        self._told = told
        self._level = logging.WARNING  # of the first one; who lets go of a button pauses again and again
        self.begin()

    def begin(self) -> None:
        """From now on it is waited for."""
        self._since_s = time.monotonic()

    def left_ms(self) -> float | None:
        """Milliseconds until it is to be told; None where it has been."""
        return None if self._told else 1000 * max(0.0, self._since_s + STALLED_S - time.monotonic())

    def tell(self) -> None:
        """Say so, unless it came too early."""
        if self.left_ms() == 0:
            self._told = True
            log.log(
                self._level, "%s: no samples for %.0f s, though it is open; see what feeds it", self._name, STALLED_S
            )

    def end(self) -> None:
        """There is something to read."""
        if self._told:
            self._told = False
            waited_s = time.monotonic() - self._since_s
            log.log(self._level, "%s goes on, after %.0f s without samples", self._name, waited_s)
            self._level = logging.INFO

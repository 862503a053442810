"""Threads that are started one by one and waited for together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Threads:
    """Those of one daemon. None keeps the process alive: one may be stuck in a driver or a mount that is gone."""

    def __init__(self) -> None:
        self._running: list[threading.Thread] = []

    def start(self, name: str, body: Callable[[], None]) -> None:
        """Run `body` in a thread of that name. Raises RuntimeError where the system has no room for one."""
        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        self._running.append(thread)

    def join(self, patience_s: float) -> None:
        """Wait for them, the first that was started last; for all together no longer than for one."""
        deadline = time.monotonic() + patience_s
        for thread in reversed(self._running):
            thread.join(max(0.0, deadline - time.monotonic()))

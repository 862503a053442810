"""Threads that are started one by one and waited for together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Threads:
    """The threads of one daemon; none keeps the process alive, as one may hang in a driver or on a lost mount."""

    def __init__(self) -> None:
        self._running: list[threading.Thread] = []

    def start(self, name: str, body: Callable[[], None]) -> None:
        """Run `body` in a thread called `name`. Raises RuntimeError if the system cannot start another thread."""
        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        self._running.append(thread)

    def join(self, patience_s: float) -> None:
        """Wait for the threads in reverse order of their start, for at most `patience_s` seconds in all."""
        deadline = time.monotonic() + patience_s
        for thread in reversed(self._running):
            thread.join(max(0.0, deadline - time.monotonic()))

"""Threads that are started one by one and waited for together, and that report what they die of."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class Threads:
    """The threads of one daemon; none keeps the process alive, as one may hang in a driver or on a lost mount."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        """`failed` is called with the error that a thread dies of, in that thread."""
        self._failed = failed
        self._running: list[tuple[threading.Thread, float]] = []

    def start(self, name: str, body: Callable[[], None], *, patience_s: float = math.inf) -> None:
        """Run `body` in a thread called `name`, for which `join` waits at most `patience_s` seconds.

        Raises RuntimeError if the system cannot start another thread.
        """
        thread = threading.Thread(target=self._run, args=(body,), name=name, daemon=True)
        thread.start()
        self._running.append((thread, patience_s))

    def join(self, patience_s: float) -> None:
        """Wait for the threads in reverse order of their start, for at most `patience_s` seconds in all."""
        deadline = time.monotonic() + patience_s
        for thread, its_own_s in reversed(self._running):
            thread.join(max(0.0, min(its_own_s, deadline - time.monotonic())))

    def _run(self, body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            self._failed(error)

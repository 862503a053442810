"""Hooks as they are started, by a thread that hangs alone: a program on a mount that is gone hangs whoever runs it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

from kwsd.sinks.order import Order
from kwsd.sinks.programs import why_not
from kwsd.sinks.running import GRACE_S, RunningHook

log = logging.getLogger(__name__)

HANGS_S = 1.0
"""A start that takes longer is late: the next hook does not wait for it."""


class Starter:
    """Starts one hook after the other, in the order in which they are given to it.

    One that hangs in that is told of once and left to itself; no more of its program is started until it has come back.
    It is for one thread, which `wake` wakes when there is something for `ended`; others may look whether it is `busy`.
    A thread that has started a hook stays, for the next one: to Linux it is the hook's parent, with whose end a program
    that wants to die with its parent (PR_SET_PDEATHSIG, `bwrap --die-with-parent`) would be killed.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._begun: list[_Start] = []  # those that `ended` has not told of
        self._given: SimpleQueue[_Start | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._left = False
        self._handing_over = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether the latest start is neither at its end nor late, so that the next one has to wait."""
        return any(not start.late for start in self._begun)

    def begin(self, order: Order) -> None:
        """Start it. Raises OSError where there is no thread to do so."""
        if len(self._threads) <= sum(start.outcome is None for start in self._begun):
            thread = threading.Thread(target=self._run, name="kwsd-hook-start", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise OSError(str(error)) from error
            self._threads.append(thread)
        start = _Start(order, time.monotonic())
        self._begun.append(start)
        self._given.put(start)

    def due(self) -> float:
        """When the latest start will be late, by the monotonic clock."""
        return min((start.began + HANGS_S for start in self._begun if not start.late), default=math.inf)

    def ended(self) -> Iterator[tuple[Order, RunningHook | str]]:
        """The hooks that run by now, or why one does not. Raises what its thread did not foresee."""
        now = time.monotonic()
        for start in tuple(self._begun):
            if start.outcome is not None:
                self._begun.remove(start)
                if isinstance(start.outcome, Exception):
                    raise start.outcome
                yield start.order, start.outcome
            elif not start.late and now >= start.began + HANGS_S:
                start.late = True
                log.warning("hook for %s hangs as it is started: %s", start.order.word, start.order.command)

    def hanging(self) -> list[Order]:
        """Those that are late, as long as `ended` has not told of them."""
        return [start.order for start in self._begun if start.late]

    def started(self) -> list[RunningHook]:
        """Those that run, as long as `ended` has not told of them. It takes no lock: signal handlers may call it."""
        return [start.outcome for start in tuple(self._begun) if isinstance(start.outcome, RunningHook)]

    def leave(self) -> list[RunningHook]:
        """The hooks that run and were not told of, when nobody asks any more; what comes back after that is ended.

        The threads have ended then, but for those that hang.
        """
        for _ in self._threads:
            self._given.put(None)
        with self._handing_over:
            self._left = True
            found = self.started()
        hanging = {start.thread for start in self._begun if start.outcome is None}
        for thread in self._threads:
            if thread not in hanging:
                thread.join(GRACE_S)
        return found

    def _run(self) -> None:
        while (start := self._given.get()) is not None:
            self._start(start)

    def _start(self, start: _Start) -> None:
        outcome: RunningHook | str | Exception
        start.thread = threading.current_thread()
        try:
            outcome = RunningHook(start.order)
        except (OSError, ValueError) as error:
            outcome = why_not(start.order.hook.argv, error)  # looks at the program, too, which may hang as well
        except Exception as error:
            outcome = error
        with self._handing_over:
            start.outcome = outcome
            left = self._left
        if left and isinstance(outcome, RunningHook):
            outcome.kill()
            outcome.abandon(time.monotonic() + GRACE_S)
        self._wake()


@dataclass(eq=False, slots=True)
class _Start:
    order: Order
    began: float
    thread: threading.Thread | None = None
    outcome: RunningHook | str | Exception | None = None
    late: bool = False

"""Starts hooks in threads of their own, as starting a program on a lost mount hangs."""

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
"""A start that takes longer is late, and the next hook does not wait for it."""


class Starter:
    """Starts one hook after the other, in the order in which they are passed to `begin`.

    A start that hangs is logged once and left alone; `HookSink` starts no hook of the same program until it returns.
    Only one thread may use a Starter, but others may read `busy`; `wake` is called when there are `outcomes`. A thread
    that has started a hook is kept for the next one: to Linux that thread is the hook's parent, and if it ended, a
    program that dies with its parent (PR_SET_PDEATHSIG, `bwrap --die-with-parent`) would be killed.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._begun: list[_Start] = []  # those that `outcomes` has not yielded yet
        self._given: SimpleQueue[_Start | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._left = False
        self._handing_over = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a start is neither late nor yielded by `outcomes` yet, so that the next one has to wait."""
        return any(not start.late for start in self._begun)

    def begin(self, order: Order) -> None:
        """Begin to start a hook. Raises OSError if no thread can be started for it."""
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
        """When the current start will be late, by the monotonic clock."""
        return min((start.began + HANGS_S for start in self._begun if not start.late), default=math.inf)

    def outcomes(self) -> Iterator[tuple[Order, RunningHook | str]]:
        """Each hook that has been started since the last call, or why it could not be. Raises unexpected errors."""
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
        """The orders whose start is late and that `outcomes` has not yielded yet."""
        return [start.order for start in self._begun if start.late]

    def started(self) -> list[RunningHook]:
        """The running hooks that `outcomes` has not yielded yet; takes no lock, so that signal handlers may call it."""
        return [start.outcome for start in tuple(self._begun) if isinstance(start.outcome, RunningHook)]

    def leave(self) -> list[RunningHook]:
        """End all threads but those that hang; the hooks that run but that `outcomes` has not yielded.

        A hook that is started after that is killed at once.
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
            outcome = why_not(start.order.hook.argv, error)  # in this thread, as reading the program may hang, too
        except Exception as error:  # a bug: `outcomes` raises it
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

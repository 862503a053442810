"""Runs commands when a word is detected; they are assumed to be hostile: slow, noisy, broken, forking."""

from __future__ import annotations

import logging
import math
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from kwsd.config import BY_A_SHELL, HookConfig, unread_sign
from kwsd.envelope import Envelope
from kwsd.events import Detection, Event
from kwsd.labels import ANY_WORD
from kwsd.sinks.hook_output import HookOutputReader
from kwsd.sinks.order import Hook, Order
from kwsd.sinks.programs import check_programs
from kwsd.sinks.running import GRACE_S, RunningHook
from kwsd.sinks.starting import Starter
from kwsd.waker import Waker, time_out

log = logging.getLogger(__name__)

LAST_S = 3 * GRACE_S
"""Seconds after the deadline for SIGTERM, SIGKILL, and giving up on what outlives both."""

_USUAL = HookConfig()


class HookSink:
    """Runs the hooks of each detection, `limit` at once; `queue` more wait, further ones are dropped.

    One thread has them started, supervises all of them, and reports each in a `HookFinished`.
    """

    def __init__(
        self,
        hooks: Mapping[str, Sequence[Hook]],
        *,
        limit: int = _USUAL.max_running,
        queue: int = _USUAL.queue,
        publish: Callable[[Event], None] = lambda _: None,
        failed: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        """`hooks` by word, "*" for any; `failed` is called with the error if the thread dies.

        Raises ConfigError where a program is missing.
        """
        self._bind(hooks, limit, queue)
        self._publish, self._failed = publish, failed
        self._queue: deque[Order] = deque()
        self._refused: deque[Order] = deque()  # the thread reports them whenever it is woken
        self._dropped = 0
        self._running: dict[int, RunningHook] = {}
        self._closing = self._killed = False
        self._deadline = math.inf
        self._waker = Waker()
        self._starter = Starter(self._waker.wake)
        self._poll = select.poll()
        self._outputs = HookOutputReader(self._poll)
        self._thread = threading.Thread(target=self._run, name="kwsd-hooks", daemon=True)
        self._thread.start()

    def bind(self, hooks: Mapping[str, Sequence[Hook]], *, limit: int, queue: int) -> None:
        """Use these hooks from the next detection on; hooks that run or wait are not affected.

        Raises ConfigError where a program is missing; nothing has changed then.
        """
        self._bind(hooks, limit, queue)
        self._waker.wake()  # more may run at once now

    def _bind(self, hooks: Mapping[str, Sequence[Hook]], limit: int, queue: int) -> None:
        check_programs({word: [hook.argv for hook in bound] for word, bound in hooks.items()})
        for word, bound in hooks.items():
            for hook in bound:
                if sign := unread_sign(hook.argv):
                    log.warning("hook for %s: no shell sees %r; %s", word, sign, BY_A_SHELL)
        self._hooks, self._limit, self._room = hooks, limit, queue

    def send(self, envelope: Envelope) -> None:
        """Queue the hooks of a detection; other events are ignored."""
        event = envelope.event
        if not isinstance(event, Detection) or self._closing:
            return
        for hook in (*self._hooks.get(event.word, ()), *self._hooks.get(ANY_WORD, ())):
            order = Order(hook, envelope, event)
            if len(self._queue) < self._room + max(0, self._limit - len(self._running) - self._starter.busy):
                self._queue.append(order)
            else:
                self._dropped += 1
                self._refused.append(order)
                log.warning(
                    "hook for %s dropped (%d so far), %d run and %d wait: %s",
                    *(event.word, self._dropped, len(self._running), len(self._queue), order.command),
                )
        self._waker.wake()

    def hurry(self, deadline_s: float) -> None:
        """End all running hooks in `deadline_s` seconds, and start none that waits after that. Returns at once."""
        self._deadline = min(self._deadline, time.monotonic() + deadline_s)
        self._waker.wake()

    def close(self, deadline_s: float) -> None:
        """Give the hooks that run or wait `deadline_s` seconds to finish, then end them.

        `hurry`, called from another thread, can shorten that. A program that hangs on being started, such as from a
        lost mount, is left behind.
        """
        self._closing = True
        self.hurry(deadline_s)
        self._thread.join(None if deadline_s == math.inf else deadline_s + LAST_S)

    def kill(self) -> None:
        """Kill all running hooks, and those that are just being started, as this process is about to die.

        It takes no lock, so that signal handlers may call it.
        """
        self._killed = True  # set first: the thread checks it after it has added a hook
        for hook in (*self._starter.started(), *list(self._running.values())):
            hook.kill()

    def _run(self) -> None:
        try:
            self._poll.register(self._waker, select.POLLIN)
            while True:
                self._take_started()
                self._start_next()
                if self._closing and not (self._queue or self._running or self._starter.busy):
                    break
                self._step()
                self._report_refused()
            for order in self._starter.hanging():
                self._refuse(order, "it hangs as it is started, and is left running")
            self._report_refused()
        except BaseException as error:
            self._failed(error)
        finally:
            self._end_all()

    def _take_started(self) -> None:
        """Supervise the hooks that were started, and report those that could not be."""
        for order, outcome in self._starter.outcomes():
            if isinstance(outcome, RunningHook):
                self._running[outcome.exit_descriptor] = outcome
                if self._killed:
                    outcome.kill()
                self._poll.register(outcome.exit_descriptor, select.POLLIN)
                self._outputs.watch(outcome)
            else:
                self._refuse(order, outcome)

    def _start_next(self) -> None:
        """Start the hooks that wait, as far as the limit allows, each only once the previous one is started."""
        if time.monotonic() >= self._deadline and self._queue:
            log.warning("%d waiting hooks are dropped, as kwsd stops", len(self._queue))
            while self._queue:  # one by one, as `send` may add another at any time
                self._refused.append(self._queue.popleft())
        while self._queue and len(self._running) < self._limit and not self._starter.busy:
            order = self._queue.popleft()
            if any(order.hook.argv[0] == hanging.hook.argv[0] for hanging in self._starter.hanging()):
                self._refuse(order, "the run before still hangs as it is started")
                continue
            try:
                self._starter.begin(order)
            except OSError as error:
                self._refuse(order, str(error))

    def _refuse(self, order: Order, why: str) -> None:
        log.warning("hook for %s cannot be started: %s: %s", order.word, order.command, why)
        self._publish(order.report())

    def _step(self) -> None:
        """Wait until a hook ends, writes or reaches its time-out, and handle that."""
        due = [hook.due(self._deadline) for hook in self._running.values()]
        left = min(*due, self._starter.due(), self._outputs.due()) - time.monotonic()
        ready = {descriptor for descriptor, _ in self._poll.poll(time_out(left))}
        self._waker.clear()
        self._outputs.read(ready)
        for hook in list(self._running.values()):
            if hook.exit_descriptor in ready:
                self._end(hook)
            elif not hook.enforce(self._deadline):
                self._end(hook, alive=True)
        self._outputs.slow_floods()

    def _end(self, hook: RunningHook, *, alive: bool = False) -> None:
        """Report a hook that has ended or, if `alive`, cannot be killed; what it left running may go on."""
        self._poll.unregister(hook.exit_descriptor)
        del self._running[hook.exit_descriptor]
        self._outputs.leave(hook)
        self._publish(hook.give_up() if alive else hook.finish())

    def _end_all(self) -> None:
        """Kill all hooks that are left when the thread ends, and release everything."""
        left = (*self._running.values(), *self._starter.leave(), *self._outputs.orphans)
        for hook in left:
            hook.kill()
        until = time.monotonic() + GRACE_S
        for hook in left:
            hook.abandon(until)
        self._waker.close()

    def _report_refused(self) -> None:
        while self._refused:
            self._publish(self._refused.popleft().report())

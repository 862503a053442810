"""Commands that run when a word is heard. They are hostile until shown otherwise: slow, noisy, broken, forking."""

from __future__ import annotations

import logging
import math
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kwsd.config import ANY_WORD, HookConfig
from kwsd.events import Detection, Envelope, Event
from kwsd.sinks.descriptors import spare
from kwsd.sinks.programs import check_program, why_not
from kwsd.sinks.running import GRACE_S, Order, RunningHook
from kwsd.waker import Waker, time_out

log = logging.getLogger(__name__)

ORPHANS = 32
"""Ended hooks that left a program running whose output is still read, so that it does not die of a closed pipe; fewer
where descriptors are. The oldest lose theirs."""
FLOOD_BYTES, REST_S = 1 << 20, 1.0
"""Each time that such a program has written so much, it has to wait for so long until more is read."""
REFUSED = 1024
"""Dropped hooks that wait to be told of; more only gather while a program hangs as it is started."""
LAST_S = 3 * GRACE_S
"""After the deadline: SIGTERM, SIGKILL, and what outlives both."""

_USUAL = HookConfig()


@dataclass(frozen=True, slots=True)
class Hook:
    """A program with its arguments, and how long it may take. Nothing of a detection is ever spliced into `argv`.

    `passed` names what of kwsd's environment it gets beside the list in `kwsd.sinks.environment`.
    """

    argv: tuple[str, ...]
    timeout_s: float = _USUAL.timeout_s
    passed: tuple[str, ...] = ()


class HookSink:
    """Runs the hooks of each detection, `limit` at once; `queue` more wait, further ones are dropped.

    One thread starts them, watches over all of them, and tells of each in a `HookFinished`.
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
        """`hooks` by word, "*" for any. ConfigError where a program is missing; `failed` hears if the thread dies."""
        self._bind(hooks, limit, queue)
        self._publish, self._failed = publish, failed
        self._queue: deque[Order] = deque()
        self._refused: deque[Order] = deque(maxlen=REFUSED)  # the thread empties it whenever it is woken
        self._dropped = 0
        self._running: dict[int, RunningHook] = {}
        self._orphans: deque[RunningHook] = deque()
        self._most_orphans = spare(ORPHANS)
        self._closing = self._killed = False
        self._deadline = math.inf
        self._waker = Waker()
        self._poll = select.poll()
        self._thread = threading.Thread(target=self._run, name="kwsd-hooks", daemon=True)
        self._thread.start()

    def bind(self, hooks: Mapping[str, Sequence[Hook]], *, limit: int, queue: int) -> None:
        """Run these from the next detection on; what runs or waits goes on.

        Raises ConfigError where a program is missing; all stays as it was then.
        """
        self._bind(hooks, limit, queue)
        self._waker.wake()  # more may run at once now

    def _bind(self, hooks: Mapping[str, Sequence[Hook]], limit: int, queue: int) -> None:
        for word, bound in hooks.items():
            for hook in bound:
                check_program(word, hook.argv)
        self._hooks, self._limit, self._room = hooks, limit, queue

    def send(self, envelope: Envelope) -> None:
        """Queue the hooks of a detection; other events bring nothing about."""
        event = envelope.event
        if not isinstance(event, Detection) or self._closing:
            return
        for hook in (*self._hooks.get(event.word, ()), *self._hooks.get(ANY_WORD, ())):
            order = Order(hook.argv, hook.timeout_s, envelope, event, hook.passed)
            if len(self._queue) < self._room + max(0, self._limit - len(self._running)):
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
        """End what runs in `deadline_s` seconds, and start nothing that waits after that. Returns at once."""
        self._deadline = min(self._deadline, time.monotonic() + deadline_s)
        self._waker.wake()

    def close(self, deadline_s: float) -> None:
        """Let the hooks that run or wait come to their end within `deadline_s` seconds, then end them.

        `hurry`, from another thread, can shorten that. A program that hangs as it is started, on a mount that is gone,
        is left behind; what else runs is killed then, for the thread that hangs with it ends nothing.
        """
        self._closing = True
        self.hurry(deadline_s)
        self._thread.join(None if deadline_s == math.inf else deadline_s + LAST_S)
        if self._thread.is_alive():
            log.warning("a hook hangs as it is started, and is left behind; %d that run are killed", len(self._running))
            self.kill()

    def kill(self) -> None:
        """Kill whatever runs, and what is just being started, for a process about to die itself.

        It takes no lock: signal handlers may call it.
        """
        self._killed = True  # before the look at what runs: the thread looks at it after
        for hook in list(self._running.values()):
            hook.kill()

    def _run(self) -> None:
        try:
            self._poll.register(self._waker, select.POLLIN)
            while True:
                self._start_waiting()  # before the question: what cannot be started ends without waking anybody
                if self._closing and not self._queue and not self._running:
                    break
                self._step()
                self._report_refused()
            self._report_refused()
        except BaseException as error:
            self._failed(error)
        finally:
            left = (*self._running.values(), *self._orphans)
            for hook in left:
                hook.kill()
            until = time.monotonic() + GRACE_S
            for hook in left:
                hook.abandon(until)
            self._waker.close()

    def _start_waiting(self) -> None:
        """Start what waits, as far as the limit goes."""
        if time.monotonic() >= self._deadline and self._queue:
            log.warning("%d hooks that waited are dropped, kwsd stops", len(self._queue))
            self._refused.extend(self._queue)
            self._queue.clear()
        while self._queue and len(self._running) < self._limit:
            order = self._queue.popleft()
            try:
                hook = RunningHook(order)
            except (OSError, ValueError) as error:
                why = why_not(order.argv, error)
                log.warning("hook for %s cannot be started: %s: %s", order.word, order.command, why)
                self._publish(order.report())
                continue
            self._running[hook.exit_descriptor] = hook
            if self._killed:
                hook.kill()
            self._poll.register(hook.exit_descriptor, select.POLLIN)
            self._poll.register(hook.output_descriptor, select.POLLIN)

    def _step(self) -> None:
        """Wait until a hook ends, writes, or has had its time; see to it."""
        due = [hook.due(self._deadline) for hook in self._running.values()]
        due += [hook.rests_until for hook in self._orphans if hook.rests_until]
        left = min(due, default=math.inf) - time.monotonic()
        ready = {descriptor for descriptor, _ in self._poll.poll(time_out(left))}
        self._waker.clear()
        for hook in (*self._running.values(), *self._orphans):
            if hook.output_descriptor in ready and not hook.read():
                self._close_output(hook)
        for hook in list(self._running.values()):
            if hook.exit_descriptor in ready:
                self._end(hook)
            elif not hook.enforce(self._deadline):
                self._end(hook, alive=True)
        self._forget_orphans()
        self._slow_floods()

    def _end(self, hook: RunningHook, *, alive: bool = False) -> None:
        """Report a hook that has ended, or that nothing can end; what it left running may go on."""
        self._poll.unregister(hook.exit_descriptor)
        del self._running[hook.exit_descriptor]
        self._orphans.append(hook)
        self._publish(hook.give_up() if alive else hook.finish())

    def _slow_floods(self) -> None:
        """Let orphans that write without end rest: to read all of it would cost as much as they have of a processor."""
        now = time.monotonic()
        for hook in self._orphans:
            if hook.rests_until and now >= hook.rests_until:
                hook.rests_until, hook.written = 0.0, 0
                self._poll.modify(hook.output_descriptor, select.POLLIN)
            elif not hook.rests_until and hook.written > FLOOD_BYTES:
                hook.rests_until = now + REST_S
                self._poll.modify(hook.output_descriptor, 0)  # its end is told all the same

    def _forget_orphans(self) -> None:
        """Keep the pipes of the newest orphans that still have one."""
        self._orphans = deque(hook for hook in self._orphans if hook.output_descriptor >= 0)
        while len(self._orphans) > self._most_orphans:
            self._close_output(self._orphans.popleft())

    def _close_output(self, hook: RunningHook) -> None:
        if hook.output_descriptor >= 0:
            self._poll.unregister(hook.output_descriptor)
            hook.close_output()

    def _report_refused(self) -> None:
        while self._refused:
            self._publish(self._refused.popleft().report())

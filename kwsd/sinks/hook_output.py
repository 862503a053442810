"""Reads the output of running hooks, and of programs that ended hooks left running (orphans)."""

from __future__ import annotations

import math
import select
import time
from collections import deque
from collections.abc import Container

from kwsd.sinks.descriptors import spare
from kwsd.sinks.running import RunningHook

ORPHANS = 32
"""Most ended hooks that left a program running whose output is still read, so that no closed pipe kills it; fewer if
descriptors are scarce. Beyond that, the pipes of the oldest are closed."""
FLOOD_BYTES, REST_S = 1 << 20, 1.0
"""When an orphan has written more than so many bytes, it has to wait so many seconds until more is read."""


class HookOutputReader:
    """Reads the outputs of hooks as they come, for a thread that waits for them in `poll`."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._open: dict[int, RunningHook] = {}
        self.orphans: deque[RunningHook] = deque()
        self._most_orphans = spare(ORPHANS)

    def watch(self, hook: RunningHook) -> None:
        """Read the output of `hook` from now on."""
        self._open[hook.output_descriptor] = hook
        self._poll.register(hook.output_descriptor, select.POLLIN)

    def leave(self, hook: RunningHook) -> None:
        """Treat `hook`, which has ended, as an orphan if its output is still open; only the newest orphans are kept."""
        if hook.output_descriptor in self._open:
            self.orphans.append(hook)
        while len(self.orphans) > self._most_orphans:
            self._close(self.orphans[0])

    def read(self, ready: Container[int]) -> None:
        """Read the outputs whose descriptors are `ready`, and close those that have ended."""
        for descriptor, hook in tuple(self._open.items()):
            if descriptor in ready and not hook.read():
                self._close(hook)

    def due(self) -> float:
        """When `slow_floods` has something to do next, by the monotonic clock."""
        return min((hook.rests_until for hook in self.orphans if hook.rests_until), default=math.inf)

    def slow_floods(self) -> None:
        """Pause reading from orphans that write without end: reading it all would cost as much CPU time as they use."""
        now = time.monotonic()
        for hook in self.orphans:
            if hook.rests_until and now >= hook.rests_until:
                hook.rests_until, hook.written = 0.0, 0
                self._poll.modify(hook.output_descriptor, select.POLLIN)
            elif not hook.rests_until and hook.written > FLOOD_BYTES:
                hook.rests_until = now + REST_S
                self._poll.modify(hook.output_descriptor, 0)  # its end is reported all the same

    def _close(self, hook: RunningHook) -> None:
        self._poll.unregister(hook.output_descriptor)
        del self._open[hook.output_descriptor]
        hook.close_output()
        if hook in self.orphans:
            self.orphans.remove(hook)

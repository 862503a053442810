"""What hooks write, while they run, and what those that have ended left running."""

from __future__ import annotations

import math
import select
import time
from collections import deque
from collections.abc import Container

from kwsd.sinks.descriptors import spare
from kwsd.sinks.running import RunningHook

ORPHANS = 32
"""Ended hooks that left a program running whose output is still read, so that it does not die of a closed pipe; fewer
where descriptors are. The oldest lose theirs."""
FLOOD_BYTES, REST_S = 1 << 20, 1.0
"""Each time that such a program has written so much, it has to wait for so long until more is read."""


class HookOutputReader:
    """Reads the outputs of hooks as they come, for a thread that waits for them in `poll`."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._open: dict[int, RunningHook] = {}
        self.orphans: deque[RunningHook] = deque()
        self._most_orphans = spare(ORPHANS)

    def watch(self, hook: RunningHook) -> None:
        """Read its output from now on."""
        self._open[hook.output_descriptor] = hook
        self._poll.register(hook.output_descriptor, select.POLLIN)

    def leave(self, hook: RunningHook) -> None:
        """It has ended: read what it left running, as long as it is among the newest that did so."""
        if hook.output_descriptor in self._open:
            self.orphans.append(hook)
        while len(self.orphans) > self._most_orphans:
            self._close(self.orphans[0])

    def read(self, ready: Container[int]) -> None:
        """Take what there is of those that are ready, and let those go that will write no more."""
        for descriptor, hook in tuple(self._open.items()):
            if descriptor in ready and not hook.read():
                self._close(hook)

    def due(self) -> float:
        """When `slow_floods` has something to do next, by the monotonic clock."""
        return min((hook.rests_until for hook in self.orphans if hook.rests_until), default=math.inf)

    def slow_floods(self) -> None:
        """Let orphans that write without end rest: to read all of it would cost as much as they have of a processor."""
        now = time.monotonic()
        for hook in self.orphans:
            if hook.rests_until and now >= hook.rests_until:
                hook.rests_until, hook.written = 0.0, 0
                self._poll.modify(hook.output_descriptor, select.POLLIN)
            elif not hook.rests_until and hook.written > FLOOD_BYTES:
                hook.rests_until = now + REST_S
                self._poll.modify(hook.output_descriptor, 0)  # its end is told all the same

    def _close(self, hook: RunningHook) -> None:
        self._poll.unregister(hook.output_descriptor)
        del self._open[hook.output_descriptor]
        hook.close_output()
        if hook in self.orphans:
            self.orphans.remove(hook)

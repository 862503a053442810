"""Where the main thread waits for what happens, and what it is told there."""

from __future__ import annotations

import select
import signal
from collections import deque
from dataclasses import dataclass

from kwsd.waker import Waker


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal came."""

    number: signal.Signals


@dataclass(frozen=True, slots=True)
class Failed:
    """A thread came to an unforeseen end; this is why."""

    error: BaseException


class Ended:
    """All audio is through, and what it set off is done."""


class StdoutClosed:
    """Nobody reads standard output any more. It ends a run over files and pipes, as it ends other filters, and one that
    has no other output; else the daemon goes on."""


Message = Signalled | Failed | Ended | StdoutClosed


class Mailbox:
    """A queue of messages from any thread, and from signal handlers, to one reader.

    A `queue.SimpleQueue` would nearly do. But Python runs a signal's handler between two steps of the main thread's own
    code: a signal that comes just before that thread begins to wait for a lock is only remembered, nothing wakes the
    thread, and SIGTERM is lost. Here the reader waits for a socket, to which the interpreter writes a byte when a
    signal comes (`signal.set_wakeup_fd(mailbox.wakeup_fd())`), so that it cannot sleep through one.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._waker = Waker()

    def put(self, message: Message) -> None:
        """Leave a message. It takes no lock, and never waits."""
        self._messages.append(message)
        self._waker.wake()

    def get(self) -> Message:
        """Wait for the next message, in the order of their coming."""
        poll = select.poll()
        poll.register(self._waker, select.POLLIN)
        while True:
            self._waker.clear()
            if self._messages:
                return self._messages.popleft()
            poll.poll()

    def wakeup_fd(self) -> int:
        """The descriptor whose every byte wakes the reader."""
        return self._waker.wakeup_fd()

    def close(self) -> None:
        """Release the socket; messages that come later are not read."""
        self._waker.close()

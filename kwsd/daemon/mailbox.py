"""The mailbox at which the main thread waits, and the messages that it gets."""

from __future__ import annotations

import signal
from collections import deque
from dataclasses import dataclass

from kwsd.waker import Waker


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal arrived."""

    number: signal.Signals


@dataclass(frozen=True, slots=True)
class Failed:
    """A thread died of this unexpected error."""

    error: BaseException


class Ended:
    """All audio is processed, and everything that it triggered is done."""


class StdoutClosed:
    """The reader of standard output is gone.

    That ends a run over files and pipes, as it ends other filters, and one without any other output; otherwise the
    daemon goes on.
    """


Message = Signalled | Failed | Ended | StdoutClosed


class Mailbox:
    """A queue of messages from any thread, and from signal handlers, to one reader.

    A `queue.SimpleQueue` would lose signals: Python runs a handler between two bytecode instructions of the main
    thread, so a signal that arrives just before that thread waits for a lock is only noted, nothing wakes the thread,
    and SIGTERM has no effect. Here the reader polls a socket, to which the interpreter writes a byte for each signal
    (`signal.set_wakeup_fd(mailbox.wakeup_fd())`), so that it cannot miss one.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._waker = Waker()

    def put(self, message: Message) -> None:
        """Add a message, without a lock and without waiting."""
        self._messages.append(message)
        self._waker.wake()

    def get(self) -> Message:
        """Wait for the next message, in the order in which they were put."""
        while True:
            self._waker.clear()
            if self._messages:
                return self._messages.popleft()
            self._waker.wait()

    def wakeup_fd(self) -> int:
        """The descriptor to which each byte that is written wakes the reader."""
        return self._waker.wakeup_fd()

    def close(self) -> None:
        """Release the socket; messages that come later are not read."""
        self._waker.close()

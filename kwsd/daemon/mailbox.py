"""Where the main thread waits for what happens."""

from __future__ import annotations

import select
import socket
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

Message = TypeVar("Message")


class Mailbox(Generic[Message]):
    """A queue of messages from any thread, and from signal handlers, to one reader.

    A `queue.SimpleQueue` would nearly do. But Python runs a signal's handler between two steps of the main thread's own
    code: a signal that comes just before that thread begins to wait for a lock is only remembered, nothing wakes the
    thread, and SIGTERM is lost. Here the reader waits for a socket, to which the interpreter writes a byte when a
    signal comes (`signal.set_wakeup_fd(mailbox.fileno())`), so that it cannot sleep through one.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def put(self, message: Message) -> None:
        """Leave a message. It takes no lock, and never waits."""
        self._messages.append(message)
        with suppress(OSError):  # full: the reader wakes anyway; closed: nobody waits any more
            self._writer.send(b"\0")

    def get(self) -> Message:
        """Wait for the next message, in the order of their coming."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while True:
            with suppress(BlockingIOError):
                self._reader.recv(4096)  # before looking, so that what comes meanwhile is not slept through
            if self._messages:
                return self._messages.popleft()
            poll.poll()

    def fileno(self) -> int:
        """The descriptor whose every byte wakes the reader."""
        return self._writer.fileno()

    def close(self) -> None:
        """Release the socket; messages that come later are not read."""
        self._reader.close()
        self._writer.close()

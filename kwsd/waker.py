"""Waiting in poll(2): time-outs, and how another thread wakes the one that waits."""

from __future__ import annotations

import math
import select
import socket
from contextlib import suppress


def time_out(seconds: float) -> int | None:
    """`seconds` as the time-out of poll(2): milliseconds, rounded up; None, for no time-out, for math.inf."""
    return None if seconds == math.inf else max(0, math.ceil(1000 * seconds))


class Waker:
    """A descriptor that one thread polls, and any other makes readable to wake it; without locks or waiting."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """What to poll for input."""
        return self._reader.fileno()

    def wakeup_fd(self) -> int:
        """The descriptor for `signal.set_wakeup_fd`: each byte that the interpreter writes to it wakes the thread."""
        return self._writer.fileno()

    def wake(self) -> None:
        """Wake the thread, now or when it next waits."""
        with suppress(OSError):  # full: it wakes anyway; closed: it is over
            self._writer.send(b"x")

    def wait(self, seconds: float = math.inf) -> bool:
        """Wait until the thread is woken, for `seconds` at most; whether it was."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(time_out(seconds)))

    def clear(self) -> None:
        """Forget the calls of `wake` so far; to be called before looking for work, so that none is missed."""
        with suppress(BlockingIOError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Release the descriptors; `wake` does nothing from then on."""
        self._reader.close()
        self._writer.close()

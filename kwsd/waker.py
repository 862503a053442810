"""How a thread waits in poll(2): for how long, and how it is told that there is something to do."""

from __future__ import annotations

import math
import socket
from contextlib import suppress


def time_out(seconds: float) -> int | None:
    """So many seconds as poll(2) takes them: whole milliseconds, not too few; None, without end, for math.inf."""
    return None if seconds == math.inf else max(0, math.ceil(1000 * seconds))


class Waker:
    """A descriptor for the poll of one thread; any other makes it readable. It takes no lock, and never waits."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """What to poll for input."""
        return self._reader.fileno()

    def wakeup_fd(self) -> int:
        """What `signal.set_wakeup_fd` takes, which writes a byte to it: each one wakes the thread."""
        return self._writer.fileno()

    def wake(self) -> None:
        """Wake the thread, now or when it next waits."""
        with suppress(OSError):  # full: it wakes anyway; closed: it is over
            self._writer.send(b"x")

    def clear(self) -> None:
        """Forget the calls so far. Before looking for what they were about, so that none is slept through."""
        with suppress(BlockingIOError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Release the descriptors; `wake` does nothing from then on."""
        self._reader.close()
        self._writer.close()

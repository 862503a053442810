"""One subscriber at the socket: what waits for it, and what it may say."""

from __future__ import annotations

import select
import socket
from collections import deque

LINES, BYTES = 256, 65_536
"""What waits for one subscriber, beside the kernel's own buffer, before it is dropped."""
CHATTER = 65_536
"""Bytes that a subscriber may send, all of them ignored, before it is dropped."""
_QUESTION = b"status\n"


class Subscriber:
    """One subscriber, and what it has not read yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.fault: str | None = None  # why it is to be dropped; "" where it left by itself
        self.waiting: deque[bytes] = deque()
        self._bytes = 0
        self._chatter = 0
        self._line = b""
        self._speaks = True  # until it closes its own writing end, as `nc -U path </dev/null` does

    @property
    def interest(self) -> int:
        """The events to poll for; a hang-up is always told."""
        return (select.POLLIN if self._speaks else 0) | (select.POLLOUT if self.waiting else 0)

    def hear(self, ready: int) -> None:
        """Read what the client sends, of which nothing but a line is kept, and none of more than a few bytes."""
        if ready & (select.POLLHUP | select.POLLERR):
            self.fault = ""
        elif ready & select.POLLIN:
            try:
                data = self.socket.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                self.fault = ""
                return
            self._speaks = len(data) > 0
            self._chatter += len(data)
            self._line = (self._line + data)[-len(_QUESTION) :]
            if self._chatter > CHATTER:
                self.fault = "it sends, but nothing is expected from it"

    def asks(self) -> bool:
        """Whether it has just asked for the status. What comes before that question and after it does not matter."""
        asked = self._line == _QUESTION
        if asked:
            self._line = b""
            self._chatter -= len(_QUESTION)
        return asked

    def offer(self, line: bytes) -> None:
        """Put a line in the queue."""
        if len(self.waiting) >= LINES or self._bytes + len(line) > BYTES:
            self.fault = f"it does not keep up, {len(self.waiting)} events wait for it"
        else:
            self.waiting.append(line)
            self._bytes += len(line)

    def write(self) -> None:
        """Send as much as the kernel takes."""
        while self.waiting and self.fault is None:
            try:
                sent = self.socket.send(self.waiting[0])
            except BlockingIOError:
                return
            except OSError:
                self.fault = ""
                return
            self._bytes -= sent
            rest = self.waiting.popleft()[sent:]
            if rest:
                self.waiting.appendleft(rest)

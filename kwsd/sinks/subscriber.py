"""One subscriber at the socket: its queue of events, and the requests that it may send."""

from __future__ import annotations

import select
import socket
from collections import deque

LINES, BYTES = 256, 65_536
"""Most lines that wait for one subscriber, and bytes behind the first of them, which is being sent.

Beyond these, and the kernel's own buffer, it is dropped."""
CHATTER = 65_536
"""Bytes other than requests that a subscriber may send, and that are ignored, before it is dropped."""
_QUESTION = b"status"
_LONGEST = len(_QUESTION + b"\r")


class Subscriber:
    """One subscriber, and the lines that it has not read yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.fault: str | None = None  # why it is to be dropped; "" if it left by itself
        self.waiting: deque[bytes] = deque()
        self._bytes = 0
        self._chatter = 0
        self._line = b""  # the part of a line so far, as far as it can be a question
        self._questions = 0
        self._speaks = True  # until it closes its own writing end, as `nc -U path </dev/null` does

    @property
    def interest(self) -> int:
        """The events to poll for; a hang-up is always reported. While a question is open, no further ones are read."""
        hears = self._speaks and not self._questions
        return (select.POLLIN if hears else 0) | (select.POLLOUT if self.waiting or self._questions else 0)

    def hear(self, ready: int) -> None:
        """Read what the client sends; only the number of its questions and an unfinished line are kept."""
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
            self._count_questions(data or b"\n")  # the end also ends a line: `printf status | nc -NU path`
            if self._chatter > CHATTER:
                self.fault = "it sent too much; a subscriber may only ask for the status"

    def _count_questions(self, data: bytes) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            if line.removesuffix(b"\r") == _QUESTION:
                self._questions += 1
                self._chatter -= len(line) + 1
        self._line = rest[: _LONGEST + 1]  # one more byte shows that it is no question

    def asks(self) -> bool:
        """Whether to answer a question for the status now; each question is answered once, one at a time."""
        if not self._questions or self.waiting:
            return False
        self._questions -= 1
        return True

    def offer(self, line: bytes) -> None:
        """Queue a line; a subscriber whose queue is full is to be dropped."""
        if not self._has_room(line):
            self.write()  # many events at once can fill the queue even of a subscriber that reads
        if not self._has_room(line):
            self.fault = self.fault or f"it does not keep up, {len(self.waiting)} events wait for it"
        else:
            self.waiting.append(line)
            self._bytes += len(line)

    def _has_room(self, line: bytes) -> bool:
        if not self.waiting:
            return True
        behind = self._bytes - len(self.waiting[0])  # that may be a status, which is long for thousands of words
        return len(self.waiting) < LINES and behind + len(line) <= BYTES

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

"""Writes lines to a stream without waiting for its reader, or only for a limited time."""

from __future__ import annotations

import errno
import io
import os
import select
import threading
import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TextIO

from kwsd.waker import Waker, time_out

NOBODY_READS = (BrokenPipeError, ConnectionResetError)
"""Errors of writing to a pipe or a socket whose reader is gone, for a socket also by a reset."""
_AGAIN_S = 0.01
_PIECE = 400
"""Characters that take less than PIPE_BUF bytes even if each of them is escaped: \\U0001f3a4."""


_LOCKS: dict[tuple[int, int], threading.Lock] = {}
"""A lock for each pipe, by its device and inode: a process has few."""


class NonBlockingWriter:
    """Writes lines, each shorter than PIPE_BUF (4096 bytes), as far as a stream takes them without waiting.

    A pipe that poll(2) calls writable has room for such a line. A terminal may have room for a single byte, and writing
    more blocks while nothing reads it: a frozen emulator, a stalled ssh. So a terminal is opened a second time in
    non-blocking mode, and the part of a line that it does not take is kept.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._terminal = _terminal(stream)
        self._on_terminal = _is_terminal(stream)
        self._rest = b""

    @property
    def behind(self) -> bool:
        """Whether a part of a line is kept."""
        return bool(self._rest)

    def is_gone(self, error: OSError) -> bool:
        """Whether an error of writing means that the reader is gone; for a terminal, that its window was closed."""
        return isinstance(error, NOBODY_READS) or (self._on_terminal and error.errno == errno.EIO)

    def has_no_reader(self) -> bool:
        """Whether the reader is gone, found out without writing anything."""
        return bool(_polled(self.stream, 0))  # a hang-up is always reported

    def offer(self, line: str) -> bool:
        """Write the line; False if there is no room for it. Raises OSError or ValueError as writing does.

        A terminal may take only a part of it, and the rest is kept.
        """
        if self._terminal is None:
            with _lock_of(self.stream):
                if not has_room(self.stream):
                    return False
                self.stream.write(line)
                self.stream.flush()
                return True
        if not self.catch_up() or not has_room(self.stream):
            return False
        self._rest = line.encode(self.stream.encoding, self.stream.errors or "strict")
        self.catch_up()
        return True

    def catch_up(self) -> bool:
        """Write the kept part of a line; False if there is no room for all of it. Raises OSError."""
        while self._rest:
            assert self._terminal is not None
            try:
                self._rest = self._rest[os.write(self._terminal, self._rest) :]
            except BlockingIOError:
                return False
        return True

    def wait(self, seconds: float, waker: Waker | None = None) -> None:
        """Wait until there may be room or `waker` is woken, for at most `seconds` (math.inf: no limit)."""
        if self.behind:  # a terminal with room for a byte may not take a line feed, which becomes two
            time.sleep(_AGAIN_S)
        poll = select.poll()
        poll.register(self.stream, select.POLLOUT)
        if waker:
            poll.register(waker, select.POLLIN)
        poll.poll(time_out(seconds))

    def close(self) -> None:
        """Drop the kept part of a line, and close our own terminal; the stream itself stays open."""
        self._rest = b""
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None


def write_within(stream: TextIO, text: str, seconds: float) -> None:
    """Write a text of any length; the part that finds no room within `seconds` is dropped.

    Raises OSError or ValueError as writing does.
    """
    until = time.monotonic() + seconds
    pieces = deque(text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    writer = NonBlockingWriter(stream)
    try:
        while True:
            while pieces and writer.offer(pieces[0]):
                pieces.popleft()
            left = until - time.monotonic()
            if (not pieces and writer.catch_up()) or left <= 0:
                return
            writer.wait(left)
    finally:
        writer.close()


def silence(stream: TextIO) -> None:
    """Redirect the stream to /dev/null, so that the interpreter's last flush of its buffer does not fail."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def has_room(stream: TextIO) -> bool:
    """Whether poll(2) calls the stream writable; True for text in memory and a closed stream, where writing tells."""
    return _polled(stream, select.POLLOUT) is not False


def _lock_of(stream: TextIO) -> AbstractContextManager[object]:
    """What to hold from finding room in a stream to filling it, as another writer may have the same pipe (`2>&1`)."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # text in memory, or closed: writing tells
        return nullcontext()
    return _LOCKS.setdefault((found.st_dev, found.st_ino), threading.Lock())


def _polled(stream: TextIO, events: int) -> bool | None:
    """Whether poll(2) reports anything for the stream now; None for text in memory and a closed stream."""
    try:
        descriptor = stream.fileno()
    except (io.UnsupportedOperation, ValueError):
        return None
    poll = select.poll()
    poll.register(descriptor, events)
    return bool(poll.poll(0))


def _terminal(stream: TextIO) -> int | None:
    """The stream's terminal, opened anew in non-blocking mode; None if it is none or cannot be opened.

    In a shell of `su` it belongs to another user, but may be opened as the controlling one, which `su -c` takes away.
    """
    if not isinstance(stream, io.TextIOWrapper):  # rich's own stream, which draws around the text
        return None
    anew = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
    with suppress(OSError, ValueError):
        return os.open(os.ttyname(stream.fileno()), anew)
    with suppress(OSError, ValueError):
        os.tcgetpgrp(stream.fileno())  # fails unless it is the controlling terminal
        return os.open("/dev/tty", anew)
    return None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False

"""Lines for whoever reads a stream, without waiting for them, or for no longer than is said."""

from __future__ import annotations

import errno
import io
import os
import select
import time
from collections import deque
from contextlib import suppress
from typing import TextIO

from kwsd.waker import Waker, time_out

NOBODY_READS = (BrokenPipeError, ConnectionResetError)
"""What writing says where the reader is gone: of a pipe, and of a socket, also where it left without a farewell."""
_AGAIN_S = 0.01
_PIECE = 400
"""Characters that are less than PIPE_BUF also where each of them is spelt out: \\U0001f3a4."""


class NonBlockingWriter:
    """Writes the lines that a stream takes without waiting, each shorter than PIPE_BUF (4096 bytes).

    A pipe that poll(2) calls writable has room for one. A terminal has room for a byte then, and who writes more waits
    as long as nobody reads it: a frozen emulator, a stalled ssh. So it is opened once more, to be written without
    waiting, and the part of a line that it does not take is kept.
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
        """Whether an error of writing says that nobody reads any more; of a terminal, that its window was closed."""
        return isinstance(error, NOBODY_READS) or (self._on_terminal and error.errno == errno.EIO)

    def is_left(self) -> bool:
        """Whether nobody reads any more, without a line to find it out by."""
        return bool(_polled(self.stream, 0))  # the end of the other side is told all the same

    def offer(self, line: str) -> bool:
        """Write the line, as far as there is room; False where there is none. Raises OSError or ValueError as writing
        does."""
        if not self.catch_up() or not has_room(self.stream):
            return False
        if self._terminal is None:
            self.stream.write(line)
            self.stream.flush()
            return True
        self._rest = line.encode(self.stream.encoding, self.stream.errors or "strict")
        self.catch_up()
        return True

    def catch_up(self) -> bool:
        """Write what is kept; False where there is no room for all of it. Raises OSError."""
        while self._rest:
            assert self._terminal is not None
            try:
                self._rest = self._rest[os.write(self._terminal, self._rest) :]
            except BlockingIOError:
                return False
        return True

    def wait(self, seconds: float, waker: Waker | None = None) -> None:
        """Wait until there may be room, for so many seconds at most (math.inf: for ever), or until `waker` is woken."""
        if self.behind:  # a terminal with room for a byte may take none: a line ends in two
            time.sleep(_AGAIN_S)
        poll = select.poll()
        poll.register(self.stream, select.POLLOUT)
        if waker:
            poll.register(waker, select.POLLIN)
        poll.poll(time_out(seconds))

    def close(self) -> None:
        """Forget what is kept; the stream itself stays as it is."""
        self._rest = b""
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None


def write_within(stream: TextIO, text: str, seconds: float) -> None:
    """Write a text of any length; what there is no room for within so many seconds is dropped.

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
    """Point its descriptor to nowhere, so that the interpreter's last flush of what is left in it does not fail."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def has_room(stream: TextIO) -> bool:
    """Whether poll(2) calls it writable; true of text in memory, and of a closed stream: writing will tell."""
    return _polled(stream, select.POLLOUT) is not False


def _polled(stream: TextIO, events: int) -> bool | None:
    """Whether poll(2) has something to tell of it now; None of text in memory, and of a closed stream."""
    try:
        descriptor = stream.fileno()
    except (io.UnsupportedOperation, ValueError):
        return None
    poll = select.poll()
    poll.register(descriptor, events)
    return bool(poll.poll(0))


def _terminal(stream: TextIO) -> int | None:
    """The terminal that the stream leads to, opened for us alone; None where it leads to none, or may not be opened."""
    if not isinstance(stream, io.TextIOWrapper):  # rich's own, which draws around what is written to it
        return None
    with suppress(OSError, ValueError):
        return os.open(os.ttyname(stream.fileno()), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    return None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False

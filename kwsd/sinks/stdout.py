"""Writes events to standard output: lines for a person, or JSON Lines for a program."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal, TextIO

from kwsd.envelope import Envelope
from kwsd.errors import DeviceError
from kwsd.events import Detection
from kwsd.sinks.lines import JsonLines, TextLines
from kwsd.sinks.nonblocking_writer import NonBlockingWriter, silence
from kwsd.waker import Waker

log = logging.getLogger(__name__)

PENDING = 1024
"""Most lines kept for a slow reader if the sender must not wait; further ones are dropped."""


class StdoutSink:
    """Writes one line per event, flushed at once.

    If the reader of a pipe is slow, the pipe may be full. With a microphone as input (`wait` false), up to `PENDING`
    lines are then kept, and written when the worker next calls `catch_up`. With a file or a pipe as input, nothing is
    dropped, and the worker calls `catch_up` to wait for the reader. Once the reader is gone, that is logged, `closed`
    is called, and nothing is written any more, not even by the interpreter at its exit.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        format: Literal["text", "json"] = "json",
        events: Literal["detections", "all"] = "detections",
        commands: Mapping[str, str] | None = None,
        wait: bool = True,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        """`commands` has the commands of each word ("*": any word), which the text format shows beside it."""
        self._stream, self._writer = stream, NonBlockingWriter(stream)
        self._everything = events == "all"
        self._lines = TextLines(stream, commands or {}) if format == "text" else JsonLines(stream)
        self._wait = wait
        self._closed = closed
        self._pending: deque[str] = deque()
        self._dropped = 0
        self._gone = False
        self._lock = threading.Lock()
        self._ended = False
        self._waker = Waker()

    def adopt(self, events: Literal["detections", "all"], commands: Mapping[str, str]) -> None:
        """Print these events from now on, and show these commands beside them."""
        with self._lock:
            self._everything = events == "all"
            if isinstance(self._lines, TextLines):
                self._lines = TextLines(self._stream, commands)

    def send(self, envelope: Envelope) -> None:
        """Write the event's line if there is room for it, else keep it. Raises DeviceError if writing fails."""
        if not (self._everything or isinstance(envelope.event, Detection)):
            return
        with self._lock:
            self._write_pending()
            if self._gone:
                return
            if not self._wait and len(self._pending) >= PENDING:
                self._drop()
                return
            self._pending.append(self._lines.line(envelope))
            self._write_pending()

    def catch_up(self) -> None:
        """Wait until the reader has taken all lines, or until `hurry` is called.

        If the sender must not wait, only write as many lines as there is room for.
        """
        self._drain(math.inf if self._wait else 0)

    def hurry(self) -> None:
        """End `catch_up`, now and from now on, as the daemon is to stop; called from another thread."""
        self._wait = False
        self._waker.wake()

    def close(self, deadline_s: float) -> None:
        """Give the reader `deadline_s` seconds to take the lines that wait, then drop them."""
        if self._ended:
            return
        self._ended, self._wait = True, False
        self._drain(time.monotonic() + deadline_s)
        with self._lock:
            self._dropped += self._waiting
            self._pending.clear()
            self._writer.close()
            self._gone = True
            self._tell_dropped()
        self._waker.close()

    def _drain(self, until: float) -> None:
        """Write the pending lines, and wait for room until the monotonic clock shows `until`."""
        while True:
            with self._lock:
                self._write_pending()
                if not self._waiting:
                    return
            left = until - time.monotonic()
            if left <= 0 or (until == math.inf and not self._wait):
                return
            self._writer.wait(left, self._waker if until == math.inf else None)

    @property
    def _waiting(self) -> int:
        """Number of lines that are not written, or only in part."""
        return len(self._pending) + self._writer.behind

    def _write_pending(self) -> None:
        """Write while there is room for a line, which is shorter than PIPE_BUF (see `Envelope`).

        If there is no line to write, check that the reader still exists, rather than find out only at the next word.
        """
        if not (self._pending or self._gone) and self._writer.has_no_reader():
            self._give_up()
            return
        try:
            self._writer.catch_up()
            while self._pending and not self._gone and self._writer.offer(self._pending[0]):
                self._pending.popleft()
            if not self._waiting:
                self._tell_dropped()
        except ValueError:  # closed on this side
            self._give_up()
        except OSError as error:
            if self._writer.is_gone(error):
                self._give_up()
                return
            self._silence()
            raise DeviceError(f"standard output cannot be written: {error.strerror};", "write elsewhere") from error

    def _drop(self) -> None:
        if not self._dropped:
            log.warning("standard output: its reader does not keep up, lines are dropped")
        self._dropped += 1

    def _tell_dropped(self) -> None:
        """Log how many lines were dropped, now that no more are; the next time counts anew."""
        if self._dropped:
            log.warning("standard output: %d lines dropped, its reader did not keep up", self._dropped)
        self._dropped = 0

    def _give_up(self) -> None:
        log.info("standard output is closed; nothing more is printed")
        self._silence()
        self._closed()

    def _silence(self) -> None:
        self._gone = True
        self._pending.clear()
        self._writer.close()
        silence(self._stream)

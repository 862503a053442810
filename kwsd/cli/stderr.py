"""What goes to standard error, whoever reads it or not: the log, the one line that an error becomes, notes."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from kwsd.cli import loglines
from kwsd.shown import brief, one_line
from kwsd.sinks.nonblocking_writer import NonBlockingWriter, silence, write_within

_shape: loglines.Shape = loglines.plain

MOST = 3000
"""Bytes of a message on the log: with what stands beside it, it is less than PIPE_BUF; see `NonBlockingWriter`."""
PATIENCE_S = 1.0
"""Seconds that an error or a note waits for whoever reads standard error; then the exit status has to do."""


def error(text: str) -> None:
    """The one line that an error becomes, in the shape of the log's."""
    _to_stderr(_shape(logging.ERROR, "kwsd", text, ""))


def warn(text: str) -> None:
    """A warning of a command that has no log, in the same shape."""
    _to_stderr(_shape(logging.WARNING, "kwsd", text, ""))


def note(text: str) -> None:
    """A line on standard error for whoever sits there."""
    _to_stderr(f"kwsd: {one_line(text)}")


def traceback() -> None:
    """Where the error that is being handled comes from."""
    from traceback import format_exc

    _to_stderr(format_exc().rstrip("\n"))


def _to_stderr(text: str) -> None:
    """Nothing where standard error was closed before the process began: print() would take standard output then.

    Where nobody reads it, though it is a full pipe, or the disk below it is full, the work goes on, to its own exit
    status.
    """
    if sys.stderr is not None:
        try:
            write_within(sys.stderr, f"{text}\n", PATIENCE_S)
        except (OSError, ValueError):
            silence(sys.stderr)


def shape(format: str = "text") -> None:
    """What lines look like from now on: `format` is "text" or "json". Under systemd's journal each line begins with its
    priority."""
    global _shape  # noqa: PLW0603 - there is one standard error
    _shape = loglines.structured if format == "json" else loglines.plain
    if loglines.journal_listens(os.environ):
        _shape = loglines.for_journal(_shape)


def log_from(level: str = "info", format: str = "text") -> None:
    """Let the log's records from `level` on out, a line each, in that shape; other libraries' only from warnings on."""
    shape(format)
    handler = _Stderr()
    handler.setFormatter(_Line())
    root = logging.getLogger()
    for earlier in [earlier for earlier in root.handlers if isinstance(earlier, _Stderr)]:
        root.removeHandler(earlier)
        earlier.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("kwsd").setLevel(level.upper())
    logging.captureWarnings(True)


class _Line(logging.Formatter):
    """A record in the shape that was chosen."""

    def format(self, record: logging.LogRecord) -> str:
        whole = super().format(record)  # the message, and the traceback where there is one
        traceback = whole.removeprefix(record.message).strip("\n")
        return _shape(record.levelno, record.name, brief(record.message.rstrip("\n"), MOST), traceback)


class _Stderr(logging.Handler):
    """Writes to whatever standard error is at that moment: rich puts its own there while it draws a bar.

    Every thread of the daemon logs. Where a pager or a stopped terminal reads no further, lines are dropped and
    counted, for a worker that waits for room hears nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dropped = 0
        self._writer: NonBlockingWriter | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:
            return
        try:
            writer = self._writer_of(sys.stderr)
            if self._dropped:
                text = f"{self._dropped} lines of the log were dropped: nobody read them"
                if writer.offer(f"{_shape(logging.WARNING, __name__, text, '')}\n"):
                    self._dropped = 0
            self._dropped += not writer.offer(f"{self.format(record)}\n")
        except (OSError, ValueError):  # nobody reads the log any more; the work goes on
            return

    def _writer_of(self, stream: TextIO) -> NonBlockingWriter:
        if self._writer is None or self._writer.stream is not stream:
            self._let_go()
            self._writer = NonBlockingWriter(stream)
        return self._writer

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def close(self) -> None:
        self._let_go()
        super().close()

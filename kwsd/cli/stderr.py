"""Writes to standard error, whether anything reads it or not: the log, the line of an error, and notes."""

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
"""The most bytes of a log message; with its prefix, a line is then below PIPE_BUF (see `NonBlockingWriter`)."""
PATIENCE_S = 1.0
"""Seconds to wait for room in standard error for an error or a note; after that it is lost."""


def error(text: str) -> None:
    """Print an error as one line, in the format of the log."""
    _to_stderr(_shape(logging.ERROR, "kwsd", text, ""))


def warn(text: str) -> None:
    """Print a warning of a command that has no log, in the format of the log."""
    _to_stderr(_shape(logging.WARNING, "kwsd", text, ""))


def note(text: str) -> None:
    """Print a line for the user on standard error."""
    _to_stderr(f"kwsd: {one_line(text)}")


def traceback() -> None:
    """Print the traceback of the error that is being handled."""
    from traceback import format_exc

    _to_stderr(format_exc().rstrip("\n"))


def _to_stderr(text: str) -> None:
    """Print a text on standard error; nothing if that was closed before the process began.

    print() would then use standard output. If standard error is a full pipe, or on a full disk, the work goes on to its
    own exit status.
    """
    if sys.stderr is not None:
        try:
            write_within(sys.stderr, f"{text}\n", PATIENCE_S)
        except (OSError, ValueError):
            silence(sys.stderr)


def shape(format: str = "text") -> None:
    """Set the format of lines from now on, "text" or "json"; under systemd's journal, a priority is put before it."""
    global _shape  # noqa: PLW0603 - there is one standard error
    _shape = loglines.structured if format == "json" else loglines.plain
    if loglines.journal_listens(os.environ):
        _shape = loglines.for_journal(_shape)


def log_from(level: str = "info", format: str = "text") -> None:
    """Write log records from `level` on, but of other libraries only warnings and errors, one line each."""
    shape(format)
    handler = _Stderr()
    handler.addFilter(_is_severe_enough)
    handler.setFormatter(_Line())
    root = logging.getLogger()
    for earlier in [earlier for earlier in root.handlers if isinstance(earlier, _Stderr)]:
        root.removeHandler(earlier)
        earlier.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("kwsd").setLevel(level.upper())
    logging.captureWarnings(True)


def _is_severe_enough(record: logging.LogRecord) -> bool:
    """Whether the record, of any library, is at kwsd's own level, which a reload may change, or above it."""
    return record.levelno >= logging.getLogger("kwsd").level


class _Line(logging.Formatter):
    """Formats a record in the chosen shape."""

    def format(self, record: logging.LogRecord) -> str:
        whole = super().format(record)  # the message, and the traceback where there is one
        traceback = whole.removeprefix(record.message).strip("\n")
        return _shape(record.levelno, record.name, brief(record.message.rstrip("\n"), MOST), traceback)


class _Stderr(logging.Handler):
    """Writes to the current `sys.stderr`, which rich replaces while it draws a bar.

    Every thread of the daemon logs. If a pager or a stopped terminal reads no further, lines are dropped and counted,
    since a worker that waits for room would stop listening.
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
                text = f"{self._dropped} lines of the log were dropped, because they were not read in time"
                if writer.offer(f"{_shape(logging.WARNING, __name__, text, '')}\n"):
                    self._dropped = 0
            self._dropped += not writer.offer(f"{self.format(record)}\n")
        except (OSError, ValueError):  # the log's reader is gone; the work goes on
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

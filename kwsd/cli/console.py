"""What the commands say: results on standard output, progress and errors on standard error. The only door to rich."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from kwsd.cli import loglines
from kwsd.cli.columns import widths
from kwsd.shown import brief, one_line, takes_utf8
from kwsd.sinks.outlet import Outlet, silence, write_within

log = logging.getLogger(__name__)

_shape: loglines.Shape = loglines.plain

Show = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

MOST = 3000
"""Bytes of a message on the log: with what stands beside it, it is less than PIPE_BUF; see `Outlet`."""
PATIENCE_S = 1.0
"""Seconds that an error or a note waits for whoever reads standard error; then the exit status has to do."""
_NARROW = 60
"""Columns of a terminal in which a drawn table leaves too little for its cells."""
QUIET_S = 10.0
"""Seconds between two lines about progress where there is no terminal to draw a bar on."""


def _on_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at it; None is a stream that was closed before the process began (`>&-`)."""
    return stream is not None and stream.isatty()


def say(text: str = "") -> None:
    """A line on standard output."""
    print(text)


def say_json(value: Any, indent: int | None = 2) -> None:
    """A JSON document on standard output; without `indent` on one line."""
    print(json.dumps(value, indent=indent, ensure_ascii=not takes_utf8(sys.stdout)))


def error(text: str) -> None:
    """The one line that an error becomes, in the shape of the log's."""
    _to_stderr(_shape(logging.ERROR, "kwsd", text, ""))


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


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output: drawn on a terminal with room for it, else plain text in columns that can be cut."""
    title, rows = one_line(title), [[one_line(cell) for cell in row] for row in rows]
    if _on_terminal(sys.stdout) and shutil.get_terminal_size().columns >= _NARROW:
        _drawn(title, columns, rows)
        return
    if title:
        print(title)
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _drawn(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    apart = (0, 1, 0, 0)  # with the box's own blank there are two between columns
    drawn = Table(box=box.SIMPLE_HEAD, padding=apart, pad_edge=False, title=title or None, title_justify="left")
    drawn.title_style = "bold"
    room = console.width - 2 * len(columns)
    for column, width in zip(columns, widths([*zip(columns, *rows, strict=True)], room, cell_len), strict=True):
        drawn.add_column(column, width=width, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    console.print(drawn)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner on standard error while something takes a while whose end cannot be told; none without a terminal."""
    if not _on_terminal(sys.stderr):
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(f"{what} …")):
        yield


@contextmanager
def progress() -> Iterator[Show]:
    """Bars on standard error, one for each `what`; without a terminal a line on the log now and then."""
    if not _on_terminal(sys.stderr):
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show


class _Lines:
    """Progress for a log: nothing about what is over within `QUIET_S`, and little about the rest."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._told >= QUIET_S:
            self._told = time.monotonic()
            log.info("%s: %d of %d (%.0f %%)", what, done, total, 100 * done / max(1, total))


def log_to_stderr(level: str = "info", format: str = "text") -> None:
    """Let the log's records from `level` on out, a line each; other libraries' only from warnings on.

    `format` is "text" or "json". Under systemd's journal each line begins with its priority.
    """
    global _shape  # noqa: PLW0603 - there is one standard error
    _shape = loglines.structured if format == "json" else loglines.plain
    if loglines.journal_listens(os.environ):
        _shape = loglines.for_journal(_shape)
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
        self._outlet: Outlet | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:
            return
        try:
            outlet = self._outlet_of(sys.stderr)
            if self._dropped:
                text = f"{self._dropped} lines of the log were dropped: nobody read them"
                if outlet.offer(f"{_shape(logging.WARNING, __name__, text, '')}\n"):
                    self._dropped = 0
            self._dropped += not outlet.offer(f"{self.format(record)}\n")
        except (OSError, ValueError):  # nobody reads the log any more; the work goes on
            return

    def _outlet_of(self, stream: TextIO) -> Outlet:
        if self._outlet is None or self._outlet.stream is not stream:
            self._let_go()
            self._outlet = Outlet(stream)
        return self._outlet

    def _let_go(self) -> None:
        if self._outlet is not None:
            self._outlet.close()
            self._outlet = None

    def close(self) -> None:
        self._let_go()
        super().close()

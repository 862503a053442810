"""What the commands find, on standard output, and how far they are, on a terminal. The only door to rich."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from kwsd.cli.columns import widths
from kwsd.errors import lacks_packages
from kwsd.shown import one_line, takes_utf8

log = logging.getLogger(__name__)

Show = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

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
def importing(work: str) -> Iterator[None]:
    """While the packages of kwsd[train] are imported for some `work`. Raises DeviceError where they are missing."""
    try:
        with working("loading torch"):
            yield
    except ImportError as error:
        raise lacks_packages(f"{work} needs more packages", error, "train") from error


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

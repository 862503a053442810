"""Prints results to standard output, and progress to a terminal; only this module imports rich."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from kwsd.cli.columns import widths
from kwsd.errors import importing_torch
from kwsd.shown import one_line, readable_json, takes_utf8

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger(__name__)

Show = Callable[[str, int, int], None]
"""Called with the name of the step, how much of it is done, and its total."""

_NARROW = 60
"""Terminals with fewer columns get plain tables: a drawn one would leave too little room for its cells."""
_FIGURES, _SHORT = 30, 10
"""Columns of a terminal for a short bar and its figures, which a step's name leaves, and the least for the name."""
QUIET_S = 10.0
"""The least seconds between two log lines about progress, where there is no terminal for a bar."""


def _on_terminal(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal; it is None if it was closed before the process began (`>&-`)."""
    return stream is not None and stream.isatty()


def say(line: str = "") -> None:
    """Print a line on standard output, with control characters of a file's or a model's name spelt out."""
    print(one_line(line))


def say_text(text: str) -> None:
    """Print text of any number of lines on standard output, as it is."""
    print(text)


def say_json(value: Any, indent: int | None = 2) -> None:
    """Print a JSON document on standard output, on one line if `indent` is None."""
    print(readable_json(value, indent=indent, ascii_only=not takes_utf8(sys.stdout)))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal that is wide enough, otherwise as plain text in aligned columns."""
    title, rows = one_line(title), [[one_line(cell) for cell in row] for row in rows]
    if _on_terminal(sys.stdout) and _width() >= _NARROW:
        _drawn(title, columns, rows)
        return
    if title:
        print(title)
    longest = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, longest, strict=True)).rstrip())


def _drawn(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    console = _console()
    apart = (0, 1, 0, 0)  # with the box's own blank there are two between columns
    shown = Text(title, "bold") if title else None  # rich would take a str for markup, and drop a name's [brackets]
    drawn = Table(box=box.SIMPLE_HEAD, padding=apart, pad_edge=False, title=shown, title_justify="left")
    room = console.width - 2 * len(columns)
    for column, width in zip(columns, widths([*zip(columns, *rows, strict=True)], room, cell_len), strict=True):
        drawn.add_column(Text(column), width=width, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    console.print(drawn)


def _width() -> int:
    """The columns of the terminal; 80 where it does not know them."""
    return shutil.get_terminal_size().columns or 80  # before Python 3.11, 0 from a terminal is not replaced


def _console(*, stderr: bool = False) -> Console:
    """A terminal to draw on, as wide as it is."""
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.width:  # COLUMNS=0 leaves the width open, but rich would draw nothing
        console.width = _width()
    return console


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show a spinner on standard error during work of unknown length; nothing without a terminal."""
    if not _on_terminal(sys.stderr):
        yield
        return
    from rich.text import Text

    spinner, dots = ("dots", "…") if takes_utf8(sys.stderr) else ("line", "...")
    with _console(stderr=True).status(Text(f"{what} {dots}"), spinner=spinner):
        yield


@contextmanager
def importing(work: str) -> Iterator[None]:
    """Wrap the import of the packages of kwsd[train] for some `work`. Raises what `importing_torch` raises."""
    with importing_torch(f"{work} needs more packages", "train"), working("loading torch"):
        yield


@contextmanager
def progress() -> Iterator[Show]:
    """Show progress bars on standard error, one for each step; without a terminal, occasional log lines."""
    if not _on_terminal(sys.stderr):
        yield _Lines()
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    console = _console(stderr=True)
    name = Column(no_wrap=True, max_width=max(_SHORT, console.width - _FIGURES))
    columns = (
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, redirect_stdout=False) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show


class _Lines:
    """Logs progress at most once in `QUIET_S` seconds, and nothing about work that ends sooner."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._told >= QUIET_S:
            self._told = time.monotonic()
            log.info("%s: %d of %d (%.0f %%)", what, done, total, 100 * done / max(1, total))

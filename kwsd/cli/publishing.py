"""Publishes the results of a measurement: as tables on standard output, as JSON, and as pictures."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from kwsd.cli import console, stderr
from kwsd.envelope import SCHEMA
from kwsd.errors import UsageError, writing
from kwsd.pictures import check_matplotlib
from kwsd.replacing import try_folder
from kwsd.shown import readable, readable_json, takes_utf8

if TYPE_CHECKING:
    from kwsd.evaluation.report import Table

_WHERE = "Where the findings go"

Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="OUT", rich_help_panel=_WHERE, help="Write all that was found to a file; - prints it."
    ),
]
Plots = Annotated[
    Path | None,
    typer.Option(
        "--plots", metavar="DIR", readable=False, rich_help_panel=_WHERE, help="Draw pictures (PNG) into a folder."
    ),
]


class Report(Protocol):
    """The results of a measurement."""

    def tables(self) -> tuple[Table, ...]: ...

    def to_dict(self) -> dict[str, Any]: ...


def check_places(out: str | None, plots: Path | None = None) -> None:
    """Test the places where `publish` will write, before hours of work.

    Raises UsageError for an empty `out`, such as that of an unset variable in a script, OutputError if it is a folder,
    what `try_folder` raises, and DeviceError without matplotlib for plots."""
    if out == "":
        raise UsageError("--json is empty;", "name a file, or - to print it")
    if out is not None and not _is_stdout(out):
        _check_file(Path(out))
    if plots is not None:
        try_folder(plots)
        check_matplotlib()


def _is_stdout(out: str) -> bool:
    """Whether `out` is "-", or another name of where standard output goes, such as /dev/stdout.

    If it were written to as a file, the tables would be printed over it, or be lost."""
    if out == "-":
        return True
    try:
        return sys.stdout is not None and os.path.samestat(Path(out).stat(), os.fstat(sys.stdout.fileno()))
    except OSError:
        return False


def _check_file(path: Path) -> None:
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.is_file() or not path.exists():  # otherwise a pipe or a device, which a test would affect
            try_folder(path.resolve().parent)


def publish(
    report: Report,
    out: str | None,
    plots: Path | None = None,
    draw: Callable[[Path], Sequence[Path]] | None = None,
    lines: Iterable[str] = (),
) -> None:
    """Publish a report: as tables and `lines` on standard output, or as JSON there if `out` is that, or "-".

    Any other `out` is a file for the JSON, in addition to the tables. `draw` draws pictures into the folder `plots`.
    Raises the error of the last of these that fails, after all have been tried."""
    printed = out is not None and _is_stdout(out)
    escaped = printed and not takes_utf8(sys.stdout)
    told = {"schema": SCHEMA, **report.to_dict()} if out else {}
    text = readable_json(told, indent=2, ascii_only=escaped) if out else ""
    with ExitStack() as last_first:  # even if one fails; the tables at last, as their reader may go away (head)
        last_first.callback(_print, text if printed else "", report, lines)
        if plots is not None and draw is not None:
            last_first.callback(_draw, plots, draw)
        if out is not None and not printed:
            last_first.callback(_write, Path(out), text + "\n")


def _print(document: str, report: Report, lines: Iterable[str]) -> None:
    """Print the JSON document; without one, the tables and `lines`."""
    if document:
        console.say_text(document)
        return
    for table in report.tables():
        console.table(table.title, table.columns, [[readable(cell) for cell in row] for row in table.rows])
        console.say()
    for line in lines:
        console.say(line)


def _draw(plots: Path, draw: Callable[[Path], Sequence[Path]]) -> None:
    for picture in draw(plots):
        stderr.note(f"drew {picture}")


def _write(path: Path, text: str) -> None:
    """Write a file atomically, following a link; write directly into a pipe or a device."""
    from kwsd.evaluation.output_files import output

    with writing(path):
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        real = path.resolve()
    with output(real) as file:
        file.write(text.encode())

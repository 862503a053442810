"""The journal of a run's figures: a CSV file that grows, is trimmed when the run resumes, and can be plotted."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kwsd.errors import InputError
from kwsd.pictures import BLUE, GREEN, GREY, ORANGE, literally, picture
from kwsd.replacing import write_bytes

JOURNAL = "journal.csv"
"""The journal's file name in a run's folder."""


@contextmanager
def open_journal(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A function that writes a run's figures to a CSV file, one row for each report, in order.

    Figures without a column are dropped. `seconds` are counted from when the journal is opened.
    """
    new, began = not path.exists(), time.monotonic()
    with path.open("a+", newline="") as file:
        file.seek(0)
        keys = columns if new else next(csv.reader(file), list(columns))  # perhaps of an earlier version
        rows = csv.DictWriter(file, keys, restval="", extrasaction="ignore")
        if new:
            rows.writeheader()

        def write(figures: Mapping[str, float]) -> None:
            told = {key: f"{value:.6g}" for key, value in figures.items()}
            rows.writerow({**told, "seconds": f"{time.monotonic() - began:.1f}"})
            file.flush()

        yield write


def trim_journal(path: Path, step: int) -> None:
    """Drop the rows after `step`: the run takes the steps after its checkpoint again."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as file:  # a power cut's remains are dropped below
        written = file.read().replace("\0", "\ufffd")  # Python 3.10's reader takes no NUL
    rows = list(csv.reader(written[: written.rfind("\n") + 1].splitlines()))  # an unfinished last line is dropped
    kept = rows[:1] + [row for row in rows[1:] if _number(row[:1]) is not None and float(row[0]) <= step]
    if not kept:  # not even a heading
        path.unlink()
        return
    if len(kept) == len(rows) and written.endswith("\n"):
        return
    text = io.StringIO(newline="")
    csv.writer(text).writerows(kept)
    write_bytes(path, text.getvalue().encode())


def read_journal(path: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Each column but the first as (steps, values), without empty cells. Raises InputError for no valid journal."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            columns, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: no journal of a run ({error})") from error
    found: dict[str, tuple[list[float], list[float]]] = {}
    for place, name in enumerate(columns[1:], start=1):
        points = [(float(row[0]), value) for row in rows if (value := _number(row[place : place + 1])) is not None]
        found[name] = ([step for step, _ in points], [value for _, value in points])
    return found


def plot_journal(path: Path, out: Path) -> None:
    """Plot losses, accuracies and the learning rate over the steps. Raises DeviceError without matplotlib."""
    curves = read_journal(path)
    with picture(out, (9, 9)) as figure:
        losses, accuracies, rates = figure.subplots(3, 1, sharex=True)
        for name, colour in (("front_end", GREY), ("words", BLUE), ("features", ORANGE), ("soft", GREEN)):
            losses.plot(*curves.get(name, ([], [])), label=name, color=colour, linewidth=0.8)
        losses.set(yscale="log", ylabel="loss", title=literally(path.parent.name))
        for name, colour in (("accuracy", BLUE), ("per_word", ORANGE)):
            accuracies.plot(*curves.get(name, ([], [])), label=name, color=colour, marker="o", markersize=3)
        accuracies.set(ylabel="validation accuracy")
        rates.plot(*curves.get("rate", ([], [])), label="rate", color=GREY)
        rates.set(ylabel="learning rate", xlabel="step")
        for axes in (losses, accuracies, rates):
            axes.grid(alpha=0.25)
            axes.legend(loc="best")


def _number(cell: list[str]) -> float | None:
    try:
        return float(cell[0])
    except (ValueError, IndexError):
        return None

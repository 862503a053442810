"""The index.tsv of a packed folder, which says where each clip lies in long recordings."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kwsd.errors import InputError
from kwsd.shown import brief

INDEX = "index.tsv"
_DAMAGED = "fetch it again, or save it again"
_MOST_SAMPLES = 1 << 53
"""A bound on places in a file, in samples, that no recording reaches; up to it every number is exact in a float."""


class Row(NamedTuple):
    """One clip, by the columns of the index: samples `start` to `start + length` of `file`, counted at 16 kHz."""

    file: str
    clip: str
    label: str
    speaker: str
    start: int
    length: int


def has_index(folder: Path) -> bool:
    """Whether there is an index in the folder itself."""
    return os.path.lexists(folder / INDEX)


def read_index(index: Path) -> Iterator[Row]:
    """The rows of an index, in UTF-8, with or without a byte-order mark. Raises InputError, which names the line."""
    rows = _rows(index)
    columns = next(rows, [])
    missing = [column for column in Row._fields if column not in columns]
    if missing:
        raise InputError(f"{index}: its first line lacks the columns: {', '.join(missing)}")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise InputError(f"{index}, line {number}: {len(row)} columns, where the first line has {len(columns)}")
        cells = dict(zip(columns, row, strict=True))
        try:
            start, length = int(cells["start"]), int(cells["length"])
        except ValueError as error:
            raise InputError(f"{index}, line {number}: {error}") from error
        if start < 0 or length <= 0 or start + length > _MOST_SAMPLES:
            what = f"no clip starts at {brief(str(start), 40)} and is {brief(str(length), 40)} samples long"
            raise InputError(f"{index}, line {number}: {what}")
        yield Row(cells["file"], cells["clip"], cells["label"], cells["speaker"], start, length)


def _rows(index: Path) -> Iterator[list[str]]:
    number = 0
    try:
        with index.open("rb") as file:  # line by line: in text mode, invalid bytes are found a block ahead
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if "\0" in text:
                    raise InputError(f"{index}, line {number}: holds a NUL character", _DAMAGED)
                yield from csv.reader([text], delimiter="\t", quoting=csv.QUOTE_NONE)
    except UnicodeDecodeError as error:
        raise InputError(f"{index}, line {number}: not UTF-8", _DAMAGED) from error
    except csv.Error as error:
        raise InputError(f"{index}, line {number}: {error}", _DAMAGED) from error
    except OSError as error:
        raise InputError(f"{index}: cannot be read ({error.strerror or error})", _DAMAGED) from error

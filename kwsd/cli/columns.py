"""Chooses the column widths of a table that is too wide for the terminal, so that few words are broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def widths(columns: Sequence[Sequence[str]], room: int, measure: Callable[[str], int] = len) -> list[int]:
    """The width of each column, out of `room` columns of a terminal, by its heading and the cells below it.

    If they do not fit, headings are wrapped at blanks; then cells, the widest first, except for the first column, which
    users copy; at last the longest words are broken, those of the first column only if they take more than half of the
    room. Short words, and numbers above all, stay whole.
    """
    headings = [_longest_word(heading, measure) for heading, *_ in columns]
    cells = [max(map(measure, rows), default=0) for _, *rows in columns]
    words = [max((_longest_word(cell, measure) for cell in rows), default=0) for _, *rows in columns]
    share = room // len(columns)
    folded = [max(word, min(cell, share)) for word, cell in zip(words, cells, strict=True)]
    folded[0] = cells[0]
    found = [min(room, max(map(measure, column))) for column in columns]
    torn = [cells[0] if cells[0] <= room // 2 else 1, *[1] * (len(columns) - 1)]
    for least in (map(max, headings, cells), map(max, headings, folded), torn):
        _narrow(found, list(least), room)
    return found


def _longest_word(text: str, measure: Callable[[str], int]) -> int:
    return max(map(measure, text.split()), default=0)


def _narrow(found: list[int], least: Sequence[int], room: int) -> None:
    """Narrow the widest columns until all fit, or each has its `least` width."""
    while sum(found) > room:
        may = [number for number, width in enumerate(found) if width > least[number]]
        if not may:
            return
        found[max(may, key=found.__getitem__)] -= 1

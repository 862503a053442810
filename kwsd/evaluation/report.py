"""What the reports of an evaluation share; each has `to_dict()` for JSON and `tables()` for printing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text: the first column names the row, the others hold its values."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Row = tuple[str, str]


def percent(share: float, digits: int = 1) -> str:
    """0.953 as "95.3 %"; a dash for NaN."""
    return "-" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def number(value: float, digits: int = 2) -> str:
    """A number, or a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def hours(value: float) -> str:
    """Hours to two decimals; less than 0.1 to two significant digits, lest ten seconds be 0.00."""
    return number(value) if value >= 0.1 else f"{value:.2g}"


def threshold(value: float) -> str:
    """A threshold to six decimals; near 1, to as many as tell it from 1 and from its neighbours."""
    far = 1 - value
    return number(value, max(6, 2 - math.floor(math.log10(far))) if 0 < far < 1 else 6)


def span(low: float, high: float) -> str:
    """The interval of a share, in percent."""
    return "-" if math.isnan(low) else f"{100 * low:.1f} to {100 * high:.1f} %"


def plain(value: Any) -> Any:
    """Convert dicts, sequences and numpy values to JSON's types; NaN and infinity become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return [plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a mapping's values with `plain`."""
    return {name: plain(entry) for name, entry in table.items()}

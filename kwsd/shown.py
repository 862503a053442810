"""Texts from outside, names and commands, as any output can carry them."""

from __future__ import annotations

import codecs
import json
import os
from datetime import datetime
from typing import TextIO

MOST_SHOWN = 600
"""Bytes that a text from outside may take in an event or on a line; so that a few of them are less than PIPE_BUF."""
_CONTROLS = {
    code: chr(code).encode("unicode_escape").decode() for code in (*range(32), *range(127, 160), 0x2028, 0x2029)
}

_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)


def wants_colour(stream: TextIO | None) -> bool:
    """Whether it is a terminal that shows colours, and nobody has asked for none (no-color.org: an empty NO_COLOR asks
    for nothing); None is a stream that was closed before the process began."""
    refused = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not refused


def takes_utf8(stream: TextIO | None) -> bool:
    """Whether a text goes out as UTF-8, as JSON and TOML have to; in other locales they are written in ASCII alone."""
    return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name == "utf-8"


def number(value: float) -> str:
    """A bound or a setting as a person writes it: 1000000, 0.5."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"


def several(count: int, what: str) -> str:
    """A count with its noun: "1 clip", "2 clips"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def fits_locale(name: str) -> bool:
    """Whether the locale has all letters of a name: else nothing of that name can be opened or run."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def readable(name: object) -> str:
    """A name as any output can carry it: what is no character, as are bytes that are not UTF-8, becomes U+FFFD."""
    return str(name).translate(_SURROGATES)


def spelt_out(name: str) -> str:
    """A name of the system's with its bytes that are not UTF-8 as a shell's $'' takes them: \\xff."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def one_line(text: str) -> str:
    """The text with its control characters, which a terminal may obey, and its line breaks spelt out: \\n, \\x1b."""
    return text.translate(_CONTROLS)


def brief(text: str, most: int = MOST_SHOWN) -> str:
    """The text, cut where it takes more than `most` bytes as JSON in ASCII, its longest form; … is where it was cut."""
    if _length(text) <= most:
        return text
    kept = text[:most]
    while _length(kept) > most - _length("…"):
        kept = kept[:-1]
    return f"{kept}…"


def literal(value: object) -> str:
    """A value of a file as Python writes it, but true and false as the file does, cut as `brief` does; also one that
    Python refuses to write."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return brief(repr(value))
    except (ValueError, RecursionError):  # a whole number of thousands of digits, a table in a thousand tables
        return "a value too large to be shown"


def last_of(text: str, most: int = MOST_SHOWN) -> str:
    """Text that is no longer than `most`, cut at its beginning: what a program wrote last tells most."""
    if _length(text) <= most:
        return text
    kept = text[-most:]
    while _length(kept) > most - _length("…"):
        kept = kept[1:]
    return f"…{kept}"


def _length(text: str) -> int:
    return len(json.dumps(text)) - 2  # without the quotes


def rfc3339(moment: datetime) -> str:
    """A moment in UTC, to the millisecond: 2026-11-29T07:40:00.250Z (RFC 3339)."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

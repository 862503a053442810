"""Texts from outside, such as names and commands, made safe to show on any output."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

MOST_SHOWN = 600
"""Bytes that a text from outside may take in an event or on a line: a few such texts are less than PIPE_BUF."""
_REORDERING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Embeddings, overrides and isolates: a terminal may show what follows them in another order."""
_CONTROLS = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *_REORDERING)
}

_IN_JSON = {code: f"\\u{code:04x}" for code in _CONTROLS if code >= 127}
"""The control characters that JSON does not have escaped."""
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)


def wants_colour(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal that shows colours, and the environment does not refuse them.

    A NO_COLOR that is not empty refuses them (no-color.org). None is a stream that was closed before the process began.
    """
    refused = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not refused


def takes_utf8(stream: TextIO | None) -> bool:
    """Whether the stream writes UTF-8, as JSON and TOML require; in other locales these are written in ASCII only."""
    return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name == "utf-8"


def number(value: float) -> str:
    """A bound or a setting as a person writes it: 1000000, 0.5."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"


def several(count: int, what: str) -> str:
    """A count with its noun: "1 clip", "2 clips"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def first_few(items: Sequence[object], most: int) -> str:
    """At most `most` of the items, separated by commas; … marks that there are more."""
    return ", ".join(map(str, items[:most])) + (", …" if items[most:] else "")


def fits_locale(name: str) -> bool:
    """Whether the locale can encode a name; if not, nothing of that name can be opened or run."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def readable(name: object) -> str:
    """A name that any output can encode: lone surrogates, as Python has for bytes that are not UTF-8, become U+FFFD."""
    return str(name).translate(_SURROGATES)


def spelt_out(name: str) -> str:
    """A file name from the system, with bytes that are not UTF-8 escaped as in a shell's $'': \\xff."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def one_line(text: str) -> str:
    """The text with line breaks, and control characters that a terminal may obey, escaped: \\n, \\x1b, \\u202e."""
    return text.translate(_CONTROLS)


def json_text(value: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """The value as JSON, in which the characters are escaped that `one_line` escapes, not only those below a space.

    JSON allows them in a string, but a terminal may obey them, and some readers of lines take U+0085 or U+2028 for an
    end of one. Raises what json.dumps raises.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    return text if text.isascii() and "\x7f" not in text else text.translate(_IN_JSON)


def readable_json(value: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """The value as `json_text` writes it, with U+FFFD for lone surrogates, which strict readers of JSON refuse."""
    text = readable(json_text(value, indent=indent))
    if ascii_only:  # only now: `readable` does not find a surrogate that is escaped
        text = json_text(json.loads(text), indent=indent, ascii_only=True)
    return text


def brief(text: str, most: int = MOST_SHOWN) -> str:
    """The text, cut to at most `most` bytes as JSON in ASCII, its longest form; … marks where it was cut."""
    if _length(text) <= most:
        return text
    kept = text[:most]
    while _length(kept) > most - _length("…"):
        kept = kept[:-1]
    return f"{kept}…"


def literal(value: object) -> str:
    """A value from a configuration file as Python's repr() writes it, but with true and false in lower case.

    It is cut as by `brief`. A value that repr() refuses to write is accepted as well.
    """
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return brief(repr(value))
    except (ValueError, RecursionError):  # a whole number of thousands of digits, a table in a thousand tables
        return "a value too large to show"


def last_of(text: str, most: int = MOST_SHOWN) -> str:
    """The text, cut at its beginning to at most `most` bytes (see `brief`): what a program wrote last tells most."""
    if _length(text) <= most:
        return text
    kept = text[-most:]
    while _length(kept) > most - _length("…"):
        kept = kept[1:]
    return f"…{kept}"


def _length(text: str) -> int:
    return len(json_text(text, ascii_only=True)) - 2  # without the quotes


def rfc3339(moment: datetime) -> str:
    """A moment in UTC, to the millisecond: 2026-11-29T07:40:00.250Z (RFC 3339)."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

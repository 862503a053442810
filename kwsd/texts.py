"""Reads text files that the user names: a configuration, a recipe, a table."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOMLDecodeError = tomllib.TOMLDecodeError

_ONCE = "the file has that key or section already: keep only one"
_VALUE = "put quotes around text, but not around a number, true or false"
_LINE = "write one `key = value` a line, with quotes around text and around a key of several words"
_CLOSE = "close each open quote, [ and {"
_BACKSLASH = "put the text in single quotes, in which a backslash is an ordinary character"
_REMEDIES = (
    (r"Invalid value|Invalid date", _VALUE),
    (r"Cannot |Duplicate ", _ONCE),
    (r"Expected newline|Expected '=' after a key in a key", _LINE),
    (r"Expected |Unterminated|Unclosed|Illegal character '\\n'", _CLOSE),
    (r"Unescaped|Invalid hex|Escaped", _BACKSLASH),
    (r"Illegal character", "remove it"),
    (r"", "write `key = value` or `[section]` there"),
)
"""Remedies by how the message of the TOML parser begins, which tells only what is wrong; the first match counts."""

MOST = 1 << 26
"""Most bytes that are read, as a device file may have no end."""


def read_text(path: Path) -> str:
    """The whole file, UTF-8, with or without a byte-order mark; a pipe may be named as well.

    Raises:
        OSError: it cannot be read, or is larger than `MOST`.
        UnicodeDecodeError: it is no UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data.decode("utf-8-sig")


def lines_of(text: str) -> list[str]:
    """The lines of the text, each of which ends in LF, CR or CRLF.

    Unlike in str.splitlines(), U+2028 and a form feed are ordinary characters.
    """
    lines = re.split(r"\r\n|\n|\r", text)
    return lines if lines[-1] else lines[:-1]


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why `read_text` failed, in few words and without the file's name."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"not UTF-8, in line {error.object[: error.start].count(10) + 1}"


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises TOMLDecodeError, and another ValueError for what is beyond Python's limits."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("too deeply nested") from error
    except TOMLDecodeError:
        raise
    except ValueError as error:  # a number of thousands of digits
        what = str(error).partition(";")[0]
        raise ValueError(what[:1].lower() + what[1:]) from error


def toml_mistake(error: TOMLDecodeError, text: str) -> tuple[int, str, str]:
    """The line of `text` that is wrong, what is wrong with it, and what to do about it."""
    message = str(error)
    remedy = next(remedy for begin, remedy in _REMEDIES if re.match(begin, message))
    match = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message, re.DOTALL)
    line = int(match[2]) if match else text.count("\n") + 1
    what = match[1] if match else message.removesuffix(" (at end of document)")
    twice = re.fullmatch(r"Cannot declare \((.*?),?\) twice", what)
    if twice:  # it names the section as Python does: ('hooks', 'words')
        section = twice[1].replace("', '", ".").strip("'")
        return line, f"a second [{section}]", remedy
    return line, what[:1].lower() + what[1:], remedy

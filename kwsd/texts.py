"""Text files that somebody names: a configuration, a recipe, a table."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOMLDecodeError = tomllib.TOMLDecodeError

MOST = 1 << 26
"""Bytes that are read; a device may have no end."""


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


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why `read_text` failed, in few words and without the file's name."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"not UTF-8, in line {error.object[: error.start].count(10) + 1}"


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises TOMLDecodeError."""
    return tomllib.loads(text)

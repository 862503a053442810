"""Formats of log lines: for people, for programs, and for systemd's journal."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from kwsd.shown import one_line, readable, rfc3339

Shape = Callable[[int, str, str, str], str]
"""Maps a level of `logging`, a logger's name, a text and a traceback (or "") to a line without its line feed."""


def plain(level: int, _: str, text: str, traceback: str = "") -> str:
    """kwsd: warning: what happened

    Control characters are escaped, as a file's name may hold ones that a terminal obeys; only a traceback has line
    breaks.
    """
    shown = "\n".join([one_line(text), *map(one_line, traceback.splitlines())])
    return f"kwsd: {logging.getLevelName(level).lower()}: {shown}"


def structured(level: int, logger: str, text: str, traceback: str = "") -> str:
    """A JSON object: time (RFC 3339), level, logger, message. No lone surrogates, which strict readers refuse."""
    time = rfc3339(datetime.now(timezone.utc))
    message = f"{text}\n{traceback}" if traceback else text
    line = {"time": time, "level": logging.getLevelName(level).lower(), "logger": logger, "message": readable(message)}
    return json.dumps(line, ensure_ascii=True)


def for_journal(shape: Shape) -> Shape:
    """The shape with a priority before each line, which journald reads and removes: `<4>kwsd: warning: ...`."""

    def prefixed(level: int, logger: str, text: str, traceback: str) -> str:
        priority = 3 if level >= logging.ERROR else 4 if level >= logging.WARNING else 6 if level >= logging.INFO else 7
        return "\n".join(f"<{priority}>{line}" for line in shape(level, logger, text, traceback).split("\n"))

    return prefixed


def journal_listens(environment: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether standard error goes to the journal.

    JOURNAL_STREAM names the journal's stream; a shell may have redirected standard error elsewhere."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"

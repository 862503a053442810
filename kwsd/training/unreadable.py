"""Clips that cannot be read: how many a run bears."""

from __future__ import annotations

import logging
from pathlib import Path

from kwsd.errors import InputError

log = logging.getLogger(__name__)


class Unreadable:
    """Clips that cannot be read: each is named once and left out; too many end the run."""

    def __init__(self, of: int) -> None:
        """`of` clips there are in all: one in twenty may be bad, and three in any case."""
        self.most = max(3, of // 20)
        self.found: set[Path] = set()

    def add(self, path: Path, error: InputError) -> None:
        """Name `path` on the log. Raises InputError where that makes too many."""
        if path in self.found:
            return
        self.found.add(path)
        log.warning("left out: %s", error)
        if len(self.found) > self.most:
            raise InputError(f"{len(self.found)} clips cannot be read, the last is {path}: repair or remove them")

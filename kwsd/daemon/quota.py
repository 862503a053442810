"""Limits the bytes of kept detections in a folder, by removing the oldest ones."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import datetime, timezone
from pathlib import Path

_OURS = re.compile(r"\d{8}T\d{6}\.(\d{3}|\d{6})Z-.+\.(wav|part)")
"""Names of our files. Earlier releases wrote milliseconds, but a recording can yield the same word twice in one."""
_STALE_S = 60
"""An unfinished file that was last written to so many seconds ago was left by a daemon that was killed."""
_SPARE = 50
"""This fraction of the quota (1/50) is freed when it is exceeded, so as not to list the folder for each detection."""


def stamp(time: datetime) -> str:
    """A moment in UTC in the form with which file names begin."""
    return time.strftime("%Y%m%dT%H%M%S.%fZ")


class Quota:
    """Limits the detections kept in `folder` to `most` bytes; files with other names are ignored."""

    def __init__(self, folder: Path, most: int) -> None:
        """An excess that is already there is removed by `tidy`, or when a detection is added."""
        self._folder, self.most = folder, most
        self._held = self._since = 0

    def wrote(self, name: str, size: int) -> None:
        """Note that a file was added, and tidy up if necessary. Raises OSError as `tidy` does."""
        self._held, self._since = self._held + size, self._since + size
        if self._held > self.most or self._since > self.most // _SPARE:  # others may write there as well
            self.tidy(name)

    def tidy(self, newest: str = "") -> None:
        """Remove files, the oldest first, until the others fit; `newest` is the last to be removed.

        A file's age is read from its name. One from the future was written while the clock was wrong, and counts as the
        oldest. Raises OSError if a file cannot be removed, and removing the others does not suffice.
        """
        kept, left = self._listed(newest)
        for path in left:
            with contextlib.suppress(OSError):  # another user's, in a folder that several share
                path.unlink(missing_ok=True)
        self._held, self._since = sum(size for _, size in kept), 0
        if self._held <= self.most:
            return
        trouble: OSError | None = None
        for path, size in kept:
            if self._held <= self.most - self.most // _SPARE:
                return
            try:
                path.unlink(missing_ok=True)
                self._held -= size
            except OSError as error:
                trouble = error
        if trouble:
            raise trouble

    def _listed(self, newest: str) -> tuple[list[tuple[Path, int]], list[Path]]:
        """Our detections and their sizes, in the order of their removal; and unfinished files of killed daemons."""
        ours = [path for path in self._folder.iterdir() if _OURS.fullmatch(path.name)]
        now = stamp(datetime.now(timezone.utc))
        ours.sort(key=lambda path: (path.name == newest, path.name <= now, path.name))
        kept: list[tuple[Path, int]] = []
        left: list[Path] = []
        for path in ours:
            try:
                found = path.stat()
            except FileNotFoundError:  # another daemon has removed it meanwhile
                continue
            except OSError:  # its size is unknown; whether it can be removed is found out when it has to be
                kept.append((path, 0))
                continue
            if path.suffix == ".wav":
                kept.append((path, found.st_size))
            elif time.time() - found.st_mtime > _STALE_S:
                left.append(path)
        return kept, left

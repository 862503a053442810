"""How many bytes of recordings a folder may hold, and which of them go when there are more."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import datetime, timezone
from pathlib import Path

_OURS = re.compile(r"\d{8}T\d{6}\.(\d{3}|\d{6})Z-.+\.(wav|part)")
"""Earlier releases wrote milliseconds: in a recording, the same word comes twice in one."""
_STALE_S = 60
"""A file that is still being written after so long was left by a daemon that was killed."""
_SPARE = 50
"""Where some have to go, one part in so many is made free: the folder is not looked through for each recording."""


def stamp(time: datetime) -> str:
    """A moment in UTC as the names of files begin with it."""
    return time.strftime("%Y%m%dT%H%M%S.%fZ")


class Quota:
    """The recordings in `folder`, `most` bytes of them at most. Files with other names are nobody's business here."""

    def __init__(self, folder: Path, most: int) -> None:
        """What is too much already goes with `tidy`, or with the first that is written."""
        self._folder, self.most = folder, most
        self._held = self._since = 0

    def wrote(self, name: str, size: int) -> None:
        """A file was added. Raises OSError, what another one has against its removal."""
        self._held, self._since = self._held + size, self._since + size
        if self._held > self.most or self._since > self.most // _SPARE:  # others may write there as well
            self.tidy(name)

    def tidy(self, newest: str = "") -> None:
        """Remove files, the oldest first, until the others fit; `newest` is the last to go.

        Names tell their age. One from the future was written while the clock was wrong, and counts as the oldest.
        Raises what one of them has against its removal, once all others have been tried and there still are too many.
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
        """Our recordings and their sizes, in the order in which they go; and what a killed daemon began."""
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
            except OSError:  # its size cannot be told; whether it can be removed shows when it has to go
                kept.append((path, 0))
                continue
            if path.suffix == ".wav":
                kept.append((path, found.st_size))
            elif time.time() - found.st_mtime > _STALE_S:
                left.append(path)
        return kept, left

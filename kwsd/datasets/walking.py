"""Walks through folders of recordings, linked ones too."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)


class Listing(NamedTuple):
    """What lies in the folder `place`, by name, without what is hidden. A link counts as what it leads to."""

    place: Path
    folders: list[Path]
    files: list[Path]


def listing(place: Path, *, quiet: bool = False) -> Listing:
    """List a folder. One that cannot be listed counts as empty, and is logged unless `quiet`."""
    found = Listing(place, [], [])
    try:
        with os.scandir(place) as entries:
            for name in sorted(entry.name for entry in entries if entry.name[0] != "."):
                path = place / name
                (found.folders if path.is_dir() else found.files).append(path)
    except OSError as error:
        if not quiet:
            log.warning("left out: %s cannot be listed (%s); check its permissions", place, error.strerror or error)
    return found


def walk(top: Path, *, quiet: bool = False) -> Iterator[Listing]:
    """List a folder and all below it, as `listing` does.

    A folder to which several ways lead, by links, is entered once; so a loop ends."""
    left = [top]
    entered: set[tuple[int, int] | None] = {None}  # the number of one that was removed meanwhile
    while left:
        place = left.pop()
        if (number := file_number(place)) not in entered:
            entered.add(number)
            found = listing(place, quiet=quiet)
            left += reversed(found.folders)
            yield found


def file_number(path: Path) -> tuple[int, int] | None:
    """What tells a file or a folder from all others, by whatever links it is reached; None if it cannot be reached."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

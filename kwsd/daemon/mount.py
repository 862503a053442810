"""Notices that the disk of a folder is no longer mounted: what is written then would fill the disk beneath it."""

from __future__ import annotations

import errno
from pathlib import Path


class Mount:
    """The file system on which a folder lies now, which may be a stick that somebody pulls out later."""

    def __init__(self, folder: Path) -> None:
        """Remember what is beneath the file system of `folder`, which exists. Raises OSError."""
        self._folder = folder
        self._beneath = _device_beneath(folder)

    def check(self) -> None:
        """Raise OSError if the folder, or the place for it if it is gone, is on the file system beneath now.

        Any other one will do: a stick that is put in again may have another number.
        """
        there = self._folder if self._folder.exists() else self._folder.parent
        if self._beneath is not None and there.stat().st_dev == self._beneath:
            raise OSError(errno.ENODEV, "its disk is not mounted any more")


def _device_beneath(folder: Path) -> int | None:
    """The number of the file system on which the one of `folder` is mounted; None for the root's."""
    own = folder.stat().st_dev
    above = (parent.stat().st_dev for parent in folder.resolve().parents)
    return next((device for device in above if device != own), None)

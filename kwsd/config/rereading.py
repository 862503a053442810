"""Reads the configuration again, for a running daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kwsd.config.load import LoadedConfig
from kwsd.config.places import config_path
from kwsd.config.sections import Config
from kwsd.errors import ConfigError


def rereading(path: Path | None, read: Callable[[], LoadedConfig]) -> Callable[[], Config]:
    """A function that reads the configuration again by `read`; `path` is the file that it came from, None for none.

    It raises ConfigError if the file was there the last time and is missing now, since all its settings would be lost;
    and for a pipe or a device, which may block its reader, for ever if it has been read already.
    """
    read_to_its_end = path is not None and _has_no_end(path)

    def reread() -> Config:
        nonlocal path
        where = config_path() if path is None else path
        if _has_no_end(where):
            what = f"{where} is a {'pipe' if where.is_fifo() else 'device'}"
            why = "which has been read to its end;" if read_to_its_end else "which may block its reader;"
            raise ConfigError(f"{what}, {why}", "restart kwsd, or use a regular file")
        loaded = read()
        if path is not None and loaded.path is None:
            raise ConfigError(f"{path} no longer exists;", "put it back, or restart kwsd to run without it")
        path = loaded.path
        return loaded.config

    return reread


def _has_no_end(path: Path) -> bool:
    """Whether it is a pipe, a device or the like; reading refuses a folder or an inaccessible path by itself."""
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except OSError:
        return False

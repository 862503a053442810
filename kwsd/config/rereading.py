"""The configuration once more, for a daemon that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kwsd.config.load import LoadedConfig
from kwsd.config.sections import Config
from kwsd.errors import ConfigError


def rereading(path: Path | None, read: Callable[[], LoadedConfig]) -> Callable[[], Config]:
    """What gives the configuration anew, by `read`, to who has it from the file `path`.

    Where there was a file the last time and is none now, it raises ConfigError: all that stood in it would be gone.
    """

    def reread() -> Config:
        nonlocal path
        loaded = read()
        if path is not None and loaded.path is None:
            raise ConfigError(f"{path} is not there any more;", "put it back, or restart kwsd to go on without it")
        path = loaded.path
        return loaded.config

    return reread

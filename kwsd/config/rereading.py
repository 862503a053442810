"""The configuration once more, for a daemon that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kwsd.config.load import LoadedConfig
from kwsd.config.sections import Config
from kwsd.errors import ConfigError


def rereading(path: Path | None, read: Callable[[], LoadedConfig]) -> Callable[[], Config]:
    """What gives the configuration anew, by `read`, to who has it from the file `path`.

    It raises ConfigError where there was a file the last time and is none now, for all that stood in it would be gone;
    and so it does for a pipe, which was read to its end and would have its reader wait for ever.
    """

    def reread() -> Config:
        nonlocal path
        if path is not None and path.exists() and not path.is_file():
            raise ConfigError(f"{path} is a pipe, and has been read;", "restart kwsd, or give it a file")
        loaded = read()
        if path is not None and loaded.path is None:
            raise ConfigError(f"{path} is not there any more;", "put it back, or restart kwsd to go on without it")
        path = loaded.path
        return loaded.config

    return reread

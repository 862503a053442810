"""The paths of kwsd's files, by the XDG base directory specification."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from kwsd.errors import ConfigError
from kwsd.shown import fits_locale

_NEEDS_UTF8 = "set LC_ALL=C.UTF-8, or use another name"
"""The remedy where the locale cannot encode a text of the configuration, which is UTF-8."""


def config_path() -> Path:
    """The configuration file: $XDG_CONFIG_HOME/kwsd/config.toml, else ~/.config/kwsd/config.toml."""
    return (_folder("XDG_CONFIG_HOME") or _home() / ".config") / "kwsd" / "config.toml"


def socket_path() -> Path:
    """The socket for subscribers: $XDG_RUNTIME_DIR/kwsd/events.sock.

    Without XDG_RUNTIME_DIR (a cron job, `su`) it lies in $XDG_STATE_HOME/kwsd, else ~/.local/state/kwsd: these belong
    to the user, while anybody could create a name in /tmp beforehand.
    """
    own = runtime_folder() or _folder("XDG_STATE_HOME") or _home() / ".local" / "state"
    return own / "kwsd" / "events.sock"


def runtime_folder() -> Path | None:
    """$XDG_RUNTIME_DIR; None if it is unset or relative."""
    return _folder("XDG_RUNTIME_DIR")


def check_letters(text: str, what: str) -> None:
    """Raise ConfigError, which names `what` the text is for, where the locale lacks one of its letters.

    No program or variable can have that name then."""
    if not fits_locale(text):
        raise ConfigError(f"{what}: this locale cannot encode {text!r};", _NEEDS_UTF8)


def expanded(text: str) -> Path:
    """A path from a text that may begin with ~ for a home directory.

    Raises ConfigError where no home directory is known, and where the locale lacks a letter of the text, so that no
    file of that name can be opened.
    """
    if not fits_locale(text):
        raise ConfigError(f"{text}: this locale cannot encode that name;", _NEEDS_UTF8)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{text}: there is no home directory for ~;", "write the whole path") from error


def open_to_all(file: Path) -> Path | None:
    """What any user of this machine could write to in order to change a file: the file, or its folder; None if neither.

    In a folder like /tmp, only the owner can replace a file. A pipe or a device is not looked at.
    """
    for place in (file, file.parent):
        try:
            mode = place.stat().st_mode
        except OSError:
            return None
        closed = mode & stat.S_ISVTX if stat.S_ISDIR(mode) else not stat.S_ISREG(mode)
        if mode & stat.S_IWOTH and not closed and os.access(place, os.W_OK):  # False on a read-only file system
            return place
    return None


def doubt_of(file: Path | None) -> tuple[str, str] | None:
    """What to say of a configuration file that any user could change, whose hooks run as this one, and the remedy.

    None if nobody else could, or there is no file.
    """
    place = open_to_all(file) if file else None
    if place is None:
        return None
    what = f"any user of this machine may change {place}, and with it the commands that kwsd runs"
    return what, f"chmod o-w {shlex.quote(str(place))}"


def _folder(variable: str) -> Path | None:
    """The variable's folder; None if it is unset or relative, which the specification says to ignore."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise ConfigError("this user has no home directory", "set HOME") from error

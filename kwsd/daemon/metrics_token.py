"""A token that who asks has to bear, where more than this machine can ask."""

from __future__ import annotations

import hmac
import os
import shlex
import stat
from pathlib import Path

from kwsd.daemon.http_request import header
from kwsd.errors import ConfigError

SHORTEST = 16
"""Characters of a token. One that can be guessed is none."""
_LONGEST = 4096
_NEXT = "make one: (umask 077; openssl rand -hex 32 >FILE)"


def read_token(path: Path) -> bytes:
    """The token in a file that is its owner's alone, or a credential that systemd loaded (LoadCredential=).

    Raises ConfigError, which never shows what is in it.
    """
    try:
        # A pipe that nobody writes to would have it wait for ever, deaf to SIGTERM.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"metrics.token_file {path}: no regular file;", _NEXT)
            text = file.read(_LONGEST + 1).strip()
    except OSError as error:
        step = _let_own(path) if isinstance(error, PermissionError) else _NEXT
        raise ConfigError(f"metrics.token_file {path}: {error.strerror};", step) from error
    given = _is_credential(path)
    if not given and status.st_uid != os.getuid():
        raise ConfigError(f"metrics.token_file {path}: another user's;", _let_own(path))
    if not given and stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"metrics.token_file {path}: others may read or change it;", f"chmod 600, or {_NEXT}")
    if len(text) > _LONGEST:
        raise ConfigError(f"metrics.token_file {path}: more than {_LONGEST} characters;", _NEXT)
    if len(text) < SHORTEST or not all(0x21 <= byte <= 0x7E for byte in text):
        raise ConfigError(f"metrics.token_file {path}: no token of {SHORTEST} characters or more;", _NEXT)
    return text


def _is_credential(path: Path) -> bool:
    """Whether it lies in the folder that systemd shows to this service alone, whoever owns what is in it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return folder != "" and path.parent == Path(folder)


def _let_own(path: Path) -> str:
    """What to do where root made it, for a daemon that is not root: to make another the same way would not help."""
    file = shlex.quote(os.fspath(path))
    return f"let kwsd's user own it, in a folder that it may enter: chown {os.getuid()} {file}; chmod 600 {file}"


def bears(request: bytes, token: bytes) -> bool:
    """Whether a request of HTTP has `Authorization: Bearer TOKEN`; how long that takes tells nothing of the token."""
    kind, _, given = (header(request, b"authorization") or b"").partition(b" ")
    return kind.lower() == b"bearer" and hmac.compare_digest(given.strip(), token)

"""The token that clients of the metrics server have to send if it is public."""

from __future__ import annotations

import hmac
import os
import shlex
import stat
from pathlib import Path

from kwsd.daemon.http_request import header
from kwsd.errors import ConfigError

SHORTEST = 16
"""Fewest characters of a token, as a short one could be guessed."""
_LONGEST = 4096
_NEXT = "make one: (umask 077; openssl rand -hex 32 >FILE)"


def read_token(path: Path) -> bytes:
    """The token in a file that only its owner can access, or in a credential that systemd loaded (LoadCredential=).

    Raises ConfigError, which never shows the content of the file.
    """
    try:
        # Without O_NONBLOCK, opening a pipe without a writer would block for ever, and SIGTERM would not be served.
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
    """Whether the file lies in the folder of credentials that systemd shows to this service alone, by any owner."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return folder != "" and path.parent == Path(folder)


def _let_own(path: Path) -> str:
    """The remedy where root made the file but the daemon is not root: another file by root would not help."""
    file = shlex.quote(os.fspath(path))
    return f"let kwsd's user own it, in a folder that it may enter: chown {os.getuid()} {file}; chmod 600 {file}"


def bears(request: bytes, token: bytes) -> bool:
    """Whether an HTTP request has `Authorization: Bearer TOKEN`, compared in constant time."""
    kind, _, given = (header(request, b"authorization") or b"").partition(b" ")
    return kind.lower() == b"bearer" and hmac.compare_digest(given.strip(), token)

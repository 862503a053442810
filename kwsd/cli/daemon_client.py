"""Connects to a running daemon, for the commands that query it."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kwsd.cli import stderr
from kwsd.config import load_config
from kwsd.errors import ConfigError, DeviceError
from kwsd.sinks.listening import check_length

_NEXT = "start one: `kwsd listen` (over a file or a pipe: with --socket PATH)"
_AGAIN_S = 0.05
_LONGEST = 1 << 20
"""The most bytes of a line in an answer."""


def place(config: Path | None, overrides: Mapping[str, Any]) -> Path:
    """The path of the daemon's socket, by the flags or the configuration.

    A mistake in the configuration gives only a warning, and the default path: the daemon keeps running with its earlier
    settings, and most likely there. With --socket, no file is read. Raises ConfigError for a --config file that does
    not exist, UsageError, and DeviceError if the configuration turns the socket off, and there is none.
    """
    if "socket.path" in overrides:
        return load_config(Path(os.devnull), overrides).config.socket.place
    try:
        settings = load_config(config, overrides).config.socket
        path = settings.place
    except ConfigError as error:
        if config is not None and not config.exists():
            raise
        stderr.warn(f"{error}; using the default socket instead (choose another with --socket)")
        return load_config(Path(os.devnull), overrides).config.socket.place
    if settings.enabled is False and not os.path.lexists(path):  # there may be one from before the file was changed
        raise DeviceError(
            "[socket] enabled is false in the configuration, so that no daemon can be asked;",
            "remove that line and restart kwsd, or name a socket with --socket",
        )
    return path


def connect(path: Path, until: float = math.inf) -> socket.socket:
    """Connect to the daemon at `path`.

    Raises DeviceError where none listens, or its queue of connections is still full at the monotonic time `until`, and
    ConfigError for a path that is too long for a socket."""
    check_length(path)
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _knock(daemon, path, until)
    except OSError as error:
        daemon.close()
        raise _unreachable(path, error) from error
    return daemon


def _unreachable(path: Path, error: OSError) -> DeviceError:
    """Why no daemon could be connected to at `path`, and what to do about it."""
    if isinstance(error, FileNotFoundError):
        return DeviceError(f"no daemon is running: there is no socket {path};", _NEXT)
    if isinstance(error, ConnectionRefusedError):
        if not path.is_socket():  # connect(2) fails in the same way for any other kind of file
            return DeviceError(f"{path} is not a socket;", "name the daemon's socket with --socket")
        return DeviceError(f"no daemon is running: the one at {path} has ended;", _NEXT)
    if isinstance(error, BlockingIOError):
        return DeviceError(f"{path}: the daemon does not accept connections;", "see its log, or restart it")
    if isinstance(error, PermissionError):
        return DeviceError(f"{path}: {error.strerror}: ask as the user whose daemon it is, or as root")
    what = f"{path}: cannot connect to the daemon ({error.strerror or error})"
    return DeviceError(what, "check the path, or name the daemon's socket with --socket")


class TurnedAway(DeviceError):
    """A daemon runs but accepts no further subscriber."""


def ask(path: Path, within_s: float) -> dict[str, Any]:
    """The daemon's status. Raises DeviceError where none runs, or it does not answer within `within_s` seconds."""
    until = time.monotonic() + within_s
    with connect(path, until) as daemon:
        try:
            daemon.settimeout(within_s)
            daemon.sendall(b"status\n")
            for line in _lines_until(until, daemon):  # events may come before the answer
                said = json.loads(line)
                if isinstance(said, dict) and said.get("type") == "status":
                    return said
        except ConnectionError as error:
            raise TurnedAway(
                f"{path}: the daemon closed the connection", "it may have too many subscribers; see its log"
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise DeviceError(f"{path}: the daemon gives no valid answer ({error});", "see its log") from error
    raise DeviceError(
        f"{path}: no daemon of this version answers there;", "it may be the socket of --metrics, or an older daemon's"
    )


def _knock(daemon: socket.socket, path: Path, until: float) -> None:
    """Connect, but wait no longer than `until` if the daemon is stuck and its queue of connections is full.

    connect(2) would wait for ever, and has no time-out for that: without blocking it fails at once, and is retried."""
    daemon.setblocking(until == math.inf)
    while True:
        try:
            daemon.connect(os.fspath(path))
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _lines_until(until: float, daemon: socket.socket) -> Iterator[bytes]:
    """Yield the daemon's lines.

    Raises TimeoutError at the monotonic time `until`, and ValueError for a line longer than `_LONGEST`."""
    rest = b""
    while (left := until - time.monotonic()) > 0:
        daemon.settimeout(left)
        said = daemon.recv(65_536)
        if not said:
            return
        *whole, rest = (rest + said).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST:
            raise ValueError("a line without an end")
    raise TimeoutError("timed out")

"""`kwsd events`."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from kwsd.cli.flags import ConfigFile, configured
from kwsd.config import load_config
from kwsd.errors import DeviceError

_NEXT = "start one: `kwsd listen` (over a file or a pipe: with --socket PATH)"
_AGAIN_S = 0.05
_LONGEST = 65_536
_TURNED_AWAY = "it died, or has as many subscribers as it bears; see its log"
_DROPPED = "it died, or dropped this subscriber, which did not keep up; see its log"


@configured("socket.path")
def events(overrides: dict[str, Any], config: ConfigFile = None) -> None:
    """Print what a running daemon hears: a JSON object a line, until it stops.

    As many as 64 programs may ask at once, each gets every event from then on:

      kwsd events | jq -r 'select(.type == "detection") | .word'

    Other programs need no kwsd for it: socat - UNIX:$XDG_RUNTIME_DIR/kwsd/events.sock

    The exit status is 69 where the daemon hangs up before it says that it stops.
    """
    path = load_config(config, overrides).config.socket.place
    end = b""
    with connect(path) as daemon:
        if sys.stdout is None:  # `>&-`: nobody wants to know
            return
        for said in _said(daemon, sys.stdout):
            sys.stdout.buffer.write(said)
            sys.stdout.buffer.flush()
            end = (end + said)[-_LONGEST:]
    if not _is_farewell(end):
        raise DeviceError(f"{path}: the daemon hung up", _DROPPED if end else _TURNED_AWAY)


def _said(daemon: socket.socket, stdout: TextIO) -> Iterator[bytes]:
    """What the daemon says, as it comes, as long as the connection lasts.

    Raises BrokenPipeError as soon as nobody reads standard output any more: `kwsd events | head -1` is not to wait for
    the next event.
    """
    poll = select.poll()
    poll.register(daemon, select.POLLIN)
    poll.register(stdout, 0)  # its end is told all the same
    with contextlib.suppress(ConnectionResetError):
        while True:
            if stdout.fileno() in dict(poll.poll()):
                raise BrokenPipeError
            said = daemon.recv(_LONGEST)
            if not said:
                return
            yield said


def _is_farewell(end: bytes) -> bool:
    """Whether the last line of it is `stopped`, after which there is nothing to come."""
    try:
        said = json.loads(end.removesuffix(b"\n").rpartition(b"\n")[2])
    except (ValueError, RecursionError):  # nothing, a part of a line, or not kwsd's
        return False
    return isinstance(said, dict) and said.get("type") == "stopped"


def connect(path: Path, until: float = math.inf) -> socket.socket:
    """A subscription to the daemon at `path`. Raises DeviceError where none listens, or the door is still crowded as
    the monotonic clock shows `until`."""
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _knock(daemon, path, until)
    except FileNotFoundError as error:
        daemon.close()
        raise DeviceError(f"no daemon runs: there is no socket {path}; {_NEXT}") from error
    except ConnectionRefusedError as error:
        daemon.close()
        if not path.is_socket():  # connect(2) says the same of whatever is there
            raise DeviceError(f"{path}: is no socket; name the daemon's with --socket") from error
        raise DeviceError(f"no daemon runs: nobody listens at {path} any more; {_NEXT}") from error
    except BlockingIOError as error:
        daemon.close()
        raise DeviceError(f"{path}: the daemon lets nobody in; see its log, or start it anew") from error
    except OSError as error:
        daemon.close()
        raise DeviceError(f"{path}: cannot be subscribed to ({error.strerror or error})") from error
    return daemon


def _knock(daemon: socket.socket, path: Path, until: float) -> None:
    """connect(2), which waits for ever at the door of a daemon that is stuck, once enough others wait there; and which
    has no time-out of its own for that: it says at once that it would have to wait."""
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

"""`kwsd events`."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from kwsd.cli.daemon_client import connect, place
from kwsd.cli.flags import ConfigFile, configured
from kwsd.errors import DeviceError

_LONGEST = 65_536
_TURNED_AWAY = "it may have crashed, or have too many subscribers; see its log"
_DROPPED = "it may have crashed, or dropped this subscriber as too slow; see its log"


@configured("socket.path")
def events(overrides: dict[str, Any], config: ConfigFile = None) -> None:
    """Print what a running daemon hears, one JSON object per line, until it stops.

    Up to 64 programs can subscribe at once; each gets every event from then on:

      kwsd events | jq -r 'select(.type == "detection") | .word'

    Other programs can do without kwsd:

      socat -u UNIX-CONNECT:$XDG_RUNTIME_DIR/kwsd/events.sock -

    The exit status is 69 if the daemon hangs up without saying that it stops.
    """
    path = place(config, overrides)
    end = b""
    with connect(path) as daemon:
        if sys.stdout is None:  # `>&-`: there is no output
            return
        for said in _said(daemon, sys.stdout):
            sys.stdout.buffer.write(said)
            sys.stdout.buffer.flush()
            end = (end + said)[-_LONGEST:]
    if not _is_farewell(end):
        raise DeviceError(f"{path}: the daemon closed the connection", _DROPPED if end else _TURNED_AWAY)


def _said(daemon: socket.socket, stdout: TextIO) -> Iterator[bytes]:
    """Yield the daemon's output as it arrives, until the connection ends.

    Raises BrokenPipeError as soon as the reader of standard output is gone: `kwsd events | head -1` must not wait for
    the next event.
    """
    poll = select.poll()
    poll.register(daemon, select.POLLIN)
    poll.register(stdout, 0)  # a hang-up is reported all the same
    with contextlib.suppress(ConnectionResetError):
        while True:
            if stdout.fileno() in dict(poll.poll()):
                raise BrokenPipeError
            said = daemon.recv(_LONGEST)
            if not said:
                return
            yield said


def _is_farewell(end: bytes) -> bool:
    """Whether the last line is the event `stopped`, after which no other comes."""
    try:
        said = json.loads(end.removesuffix(b"\n").rpartition(b"\n")[2])
    except (ValueError, RecursionError):  # nothing, a part of a line, or not kwsd's
        return False
    return isinstance(said, dict) and said.get("type") == "stopped"

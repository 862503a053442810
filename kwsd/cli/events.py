"""`kwsd events`."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

from kwsd.cli.flags import ConfigFile, configured
from kwsd.config import load_config
from kwsd.errors import DeviceError

_NEXT = "start one with `kwsd listen`, for a file or a pipe with --socket PATH"


@configured("socket.path")
def events(overrides: dict[str, Any], config: ConfigFile = None) -> None:
    """Print what a running daemon hears: a JSON object a line, until it stops.

    As many as 64 programs may ask at once, each gets every event from then on:

      kwsd events | jq -r 'select(.type == "detection") | .word'

    Other programs need no kwsd for it: socat - UNIX:$XDG_RUNTIME_DIR/kwsd/events.sock
    """
    with connect(load_config(config, overrides).config.socket.place) as daemon:
        if sys.stdout is None:  # `>&-`: nobody wants to know
            return
        while data := daemon.recv(65_536):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def connect(path: Path) -> socket.socket:
    """A subscription to the daemon at `path`. Raises DeviceError where none listens."""
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        daemon.connect(os.fspath(path))
    except FileNotFoundError as error:
        daemon.close()
        raise DeviceError(f"no daemon runs: there is no socket {path}; {_NEXT}") from error
    except ConnectionRefusedError as error:
        daemon.close()
        if not path.is_socket():  # connect(2) says the same of whatever is there
            raise DeviceError(f"{path}: is no socket; name the daemon's with --socket") from error
        raise DeviceError(f"no daemon runs: nobody listens at {path} any more; {_NEXT}") from error
    except OSError as error:
        daemon.close()
        raise DeviceError(f"{path}: cannot be subscribed to ({error.strerror or error})") from error
    return daemon

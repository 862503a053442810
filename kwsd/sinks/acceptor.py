"""Accepts subscribers at a listening socket, and can turn them away even when no file descriptor is left."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from kwsd.sinks.descriptors import CLIENTS
from kwsd.sinks.listening import EXHAUSTED

log = logging.getLogger(__name__)


class Acceptor:
    """Accepts connections, and keeps one descriptor in reserve.

    poll(2) reports a waiting connection until it is accepted, which takes a descriptor. If none is left, the spare one
    is closed for a moment to accept the connection and drop it.
    """

    def __init__(self, server: socket.socket, path: Path, *, drop_newest: Callable[[], bool]) -> None:
        """`server` listens at `path` and is non-blocking. Raises OSError.

        `drop_newest` drops the newest subscriber to free its descriptor; it returns False if there is none.
        """
        self.server, self._path, self._drop_newest = server, path, drop_newest
        self._told = False
        self.spare: int | None = os.open(os.devnull, os.O_RDONLY)
        """The spare descriptor; None while none can be had, so that connections can be neither dropped nor accepted."""

    def knocking(self) -> Iterator[socket.socket]:
        """Accept the waiting connections, at most `CLIENTS` of them; the others wait for the next call."""
        for _ in range(CLIENTS):
            try:
                connection, _ = self.server.accept()
            except (BlockingIOError, ConnectionError):  # none waits, or one was aborted
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                if not self._drop_knocking(error):
                    return
            else:
                yield connection

    def turn_away(self, connection: socket.socket, why: str) -> None:
        """Close the connection; only the first one until the next call of `room` is logged."""
        self._tell(why)
        connection.close()

    def room(self) -> None:
        """Note that there is room again, so that the next connection that is turned away is logged."""
        self._told = False

    def take_spare(self) -> bool:
        """Open the spare descriptor if it is not open; False if that is impossible.

        If the process has used all of its descriptors, the newest subscribers are dropped until one is free. If the
        whole system has none left (ENFILE), they are not: other processes would take those descriptors at once.
        """
        while self.spare is None:
            try:
                self.spare = os.open(os.devnull, os.O_RDONLY)
            except OSError as error:
                if error.errno != errno.EMFILE or not self._drop_newest():
                    return False
        return True

    def close(self) -> None:
        """Close the spare descriptor; the socket belongs to the caller."""
        if self.spare is not None:
            os.close(self.spare)
            self.spare = None

    def _drop_knocking(self, error: OSError) -> bool:
        """Accept and drop one waiting connection although no descriptor is free. False if that is impossible."""
        self._tell(error.strerror or str(error))
        if not self.take_spare():
            return False
        self.close()
        try:
            self.server.accept()[0].close()
        except OSError:  # no one waits any more, or another thread took the descriptor; the next attempt may succeed
            self.take_spare()
            return False
        return self.take_spare()

    def _tell(self, why: str) -> None:
        if not self._told:
            log.warning("%s: subscribers are turned away: %s", self._path, why)
        self._told = True

"""Where subscribers knock: a listening socket that can turn somebody away even when no descriptor is left."""

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
    """It keeps one descriptor back. poll(2) tells of who knocks for as long as nobody takes them in, and that takes a
    descriptor: with none left, the spare one is given up for a moment, to take them in and drop them."""

    def __init__(self, server: socket.socket, path: Path, *, drop_newest: Callable[[], bool]) -> None:
        """`server` listens at `path` and does not block. `drop_newest` makes a subscriber give up its descriptor; False
        where there is none. Raises OSError."""
        self._server, self._path, self._drop_newest = server, path, drop_newest
        self._told = False
        self.spare: int | None = os.open(os.devnull, os.O_RDONLY)
        """None while somebody else has it: then nobody can be turned away, nor taken in."""

    def knocking(self) -> Iterator[socket.socket]:
        """Connections of who waits, as many as there may be at most; the others wait for the next time."""
        for _ in range(CLIENTS):
            try:
                connection, _ = self._server.accept()
            except (BlockingIOError, ConnectionError):  # nobody; or it went away again
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                if not self._drop_knocking(error):
                    return
            else:
                yield connection

    def turn_away(self, connection: socket.socket, why: str) -> None:
        """Hang up; the first one is told of, until there has been `room` again."""
        self._tell(why)
        connection.close()

    def room(self) -> None:
        """There is enough of it to be told of once more when it is gone."""
        self._told = False

    def take_spare(self) -> bool:
        """Keep a descriptor back. Where the last of our own is taken, the newest subscribers give up theirs; where the
        whole system has none (ENFILE), others would take those at once."""
        while self.spare is None:
            try:
                self.spare = os.open(os.devnull, os.O_RDONLY)
            except OSError as error:
                if error.errno != errno.EMFILE or not self._drop_newest():
                    return False
        return True

    def close(self) -> None:
        """Give back the descriptor; the socket belongs to the caller."""
        if self.spare is not None:
            os.close(self.spare)
            self.spare = None

    def _drop_knocking(self, error: OSError) -> bool:
        """Take in and drop one of those who wait, although no descriptor is free. False where that cannot be done."""
        self._tell(error.strerror or str(error))
        if not self.take_spare():
            return False
        self.close()
        try:
            self._server.accept()[0].close()
        except OSError:  # nobody waits any more; or another thread was faster, and the next attempt may do better
            self.take_spare()
            return False
        return self.take_spare()

    def _tell(self, why: str) -> None:
        if not self._told:
            log.warning("%s: subscribers are turned away: %s", self._path, why)
        self._told = True

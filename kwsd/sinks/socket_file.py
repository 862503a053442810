"""A listening Unix socket whose file is made again if somebody removes it."""

from __future__ import annotations

import logging
import math
import threading
import time
from pathlib import Path

from kwsd.errors import KwsdError
from kwsd.sinks.listening import listen, unlink

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""Seconds from one look at the file to the next; nothing tells a server that its file is gone."""
HANGS_S = 5.0
"""A thread that takes longer to remove the file hangs, on a mount that is gone: whoever waits for it goes on."""
_LOOKS_S = 0.1
"""A look at the file that takes longer may hang; its answer counts when it is time for the next one."""


class SocketFile:
    """The file of a listening socket, and the socket itself as long as its file is there.

    `rm -r`, or what tidies up temporary files, may remove it under a daemon that runs for months: the daemon would go
    on, but nobody could connect any more. Only one thread may use it.
    """

    def __init__(self, path: Path, *, flag: str = "--socket") -> None:
        """Listen at `path`. Raises DeviceError and ConfigError as `listen` does, which name the `flag`."""
        self._path, self._flag = path, flag
        self.server, self._identity = listen(path, flag=flag)
        """The socket; after `renewed` another one, while the caller closes the old one."""
        self.due = time.monotonic() + LOOK_S
        """When `renewed` looks at the file next, by the monotonic clock."""
        self._look: _Look | None = None
        self._told = False

    def renewed(self) -> bool:
        """Make the file again if it is gone and it is time to look; whether `server` is a new one.

        What lies in its place is left alone: it may be the socket of another daemon. An error is logged, but only once,
        and the next look tries again.
        """
        now = time.monotonic()
        if now < self.due:
            return False
        self.due = now + LOOK_S
        if self._look is None:
            self._look = _Look(self._path)
            self._look.begin()
        if self._look.is_alive():
            return False
        look, self._look = self._look, None
        return look.found_none and self._listen_again()

    def remove(self) -> None:
        """Remove the file, unless another socket has replaced it; to be called before `server` is closed."""
        self.due = math.inf
        unlink(self._path, self._identity)

    def _listen_again(self) -> bool:
        try:
            self.server, self._identity = listen(self._path, flag=self._flag)
        except (KwsdError, OSError) as error:  # OSError: no descriptor is left
            if not self._told:
                log.warning("the socket was removed, and nobody can connect until it can be made again: %s", error)
            self._told = True
            return False
        log.warning("%s: the socket was removed, and is made again", self._path)
        self._told = False
        return True


class _Look(threading.Thread):
    """A look for the file in a thread of its own: on a mount that is gone it hangs, while subscribers are served."""

    def __init__(self, path: Path) -> None:
        super().__init__(name="kwsd-socket-look", daemon=True)
        self._path = path
        self.found_none = False
        """Whether there is no such file."""

    def begin(self) -> None:
        """Look, and wait for the answer for a moment."""
        try:
            self.start()
        except RuntimeError:  # no thread can be started
            self.run()
        else:
            self.join(_LOOKS_S)

    def run(self) -> None:
        try:
            self._path.lstat()
        except FileNotFoundError:
            self.found_none = True
        except OSError:  # its folder cannot be searched, or its disk fails
            pass

"""What the daemon tells systemd: sd_notify(3), spoken directly. Without NOTIFY_SOCKET nothing is said."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping

from kwsd.shown import one_line

log = logging.getLogger(__name__)


class Notifier:
    """The service manager's ear, if there is one.

    The watchdog hears of us only through `alive` and `seeking`; see `kwsd.daemon.watchdog` for when they are called.
    Nothing here waits. A state (READY, RELOADING, STOPPING) that the manager has no room for is told before whatever
    comes next, and at the latest as the worker gets on, and so is the newest status; the watchdog's message is dropped.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, by default of the process's own environment."""
        given = os.environ if environment is None else environment
        address = given.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._interval_s = _watchdog_s(given) / 4  # systemd advises half; a late one costs nothing then
        self._next = 0.0
        self._heard = -1
        self._ready = self._stopping = False
        self._unsent: deque[str] = deque(maxlen=2)  # the newest states; a reload is two of them
        self._waiting = ""  # a status that there was no room for
        self._unheard = False
        self._lock = threading.Lock()
        if address and address[0] not in "@/":
            log.warning("NOTIFY_SOCKET=%s is neither a path nor an abstract socket; systemd is told nothing", address)
            self._address = ""
        self._socket: socket.socket | None = None
        if self._address:  # kept, for there may be no descriptor left when the watchdog is next to be told
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def close(self) -> None:
        """Release the socket; nothing is said from then on."""
        with self._lock:
            if self._socket:
                self._socket.close()
                self._socket = None

    def ready(self, status: str) -> None:
        """The model is warm and audio has arrived."""
        self._ready = True
        self._enter(f"READY=1\nSTATUS={one_line(status)}")

    def reloading(self) -> None:
        """The configuration is about to be read again. Before READY this is nothing that systemd waits for."""
        if self._ready and not self._stopping:
            now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._enter(f"RELOADING=1\nMONOTONIC_USEC={now_us}")

    def reloaded(self, status: str) -> None:
        """The configuration has been read again, and taken over or refused."""
        if self._ready and not self._stopping:
            self._enter(f"READY=1\nSTATUS={one_line(status)}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        with self._lock:
            self._waiting = f"STATUS={one_line(status)}"
            self._catch_up()

    def stopping(self) -> None:
        """The daemon is about to end; the watchdog stops with it."""
        if not self._stopping:
            self._stopping = True
            self._enter("STOPPING=1\nSTATUS=stopping")

    def alive(self, heard: int) -> None:
        """The worker got through a batch; `heard` samples have arrived so far, in all streams.

        The watchdog is told, four times in its interval at most, only if there are more of them than the last time: a
        worker that is busy with what has long been heard does not make a dead microphone well.
        """
        if heard > self._heard and self._feed():
            self._heard = heard

    def seeking(self) -> None:
        """All microphones are lost, and the search for them goes on. The watchdog is told, as by `alive`."""
        self._feed()

    def _feed(self) -> bool:
        """Tell the watchdog, if it is time to."""
        with self._lock:
            self._catch_up()
        if not self._interval_s or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._interval_s
        self._tell("WATCHDOG=1")
        return True

    def _enter(self, state: str) -> None:
        """Tell what the manager must not miss."""
        with self._lock:
            if "STATUS=" in state:  # newer than what waits
                self._waiting = ""
            self._unsent.append(state)
            self._catch_up()

    def _tell(self, message: str) -> None:
        """Tell what is worth nothing later."""
        with self._lock:
            if self._catch_up():
                self._send(message)

    def _catch_up(self) -> bool:
        """Tell the states that are still to be told, then the status; False where there is no room for them."""
        while self._unsent and self._send(self._unsent[0]):
            self._unsent.popleft()
        if self._unsent:
            return False
        if self._waiting and self._send(self._waiting):
            self._waiting = ""
        return not self._waiting

    def _send(self, message: str) -> bool:
        if self._socket is None:
            return False
        try:  # by its address, each time: the manager's own socket may be made anew
            self._socket.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except OSError as error:
            if not self._unheard:
                log.warning("systemd does not hear us: %s: %s", self._address.replace("\0", "@"), error.strerror)
            self._unheard = True
            return False
        self._unheard = False
        return True


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Seconds after which systemd takes us for dead; 0 where it does not watch this process."""
    try:
        if int(environment.get("WATCHDOG_PID") or os.getpid()) != os.getpid():
            return 0.0
        return max(0, int(environment.get("WATCHDOG_USEC") or 0)) / 1_000_000
    except ValueError:
        log.warning("WATCHDOG_USEC or WATCHDOG_PID is no number; the watchdog is told nothing")
        return 0.0

"""Notifies systemd of the daemon's state, by the protocol of sd_notify(3); does nothing without NOTIFY_SOCKET."""

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
    """Sends notifications to the service manager, if there is one, without ever waiting.

    The watchdog is fed only through `alive` and `seeking`; see `kwsd.daemon.watchdog` for when they are called. If the
    manager's socket is full, a state (READY, RELOADING, STOPPING) and the newest status are kept, and sent before the
    next message or when the worker next calls `alive`; a watchdog message is dropped.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, by default from the process's own environment."""
        given = os.environ if environment is None else environment
        address = given.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._interval_s = _watchdog_s(given) / 4  # systemd advises half; a late one costs nothing then
        self._next = 0.0
        self._heard = -1
        self._ready = self._stopping = False
        self._unsent: deque[str] = deque(maxlen=2)  # the newest states; a reload is two of them
        self._waiting = ""  # a status that is still to be sent
        self._unheard = False
        self._lock = threading.Lock()
        if address and address[0] not in "@/":
            log.warning("NOTIFY_SOCKET=%s is neither a path nor an abstract socket; systemd is not notified", address)
            self._address = ""
        self._socket: socket.socket | None = None
        if self._address:  # kept open, as there may be no descriptor left when it is next needed
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def close(self) -> None:
        """Release the socket; nothing is sent from then on."""
        with self._lock:
            if self._socket:
                self._socket.close()
                self._socket = None

    def ready(self, status: str) -> None:
        """Tell systemd that the daemon is ready: the model is warm and audio has arrived."""
        self._ready = True
        self._enter(f"READY=1\nSTATUS={one_line(status)}")

    def reloading(self) -> None:
        """Tell systemd that a reload begins; not before READY, as systemd does not wait for it then."""
        if self._ready and not self._stopping:
            now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._enter(f"RELOADING=1\nMONOTONIC_USEC={now_us}")

    def reloaded(self, status: str) -> None:
        """Tell systemd that the reload has ended, whether the new configuration was accepted or refused."""
        if self._ready and not self._stopping:
            self._enter(f"READY=1\nSTATUS={one_line(status)}")

    def status(self, status: str) -> None:
        """Set the line that `systemctl status` shows."""
        with self._lock:
            self._waiting = f"STATUS={one_line(status)}"
            self._catch_up()

    def stopping(self) -> None:
        """Tell systemd that the daemon is about to end, upon which it stops its watchdog."""
        if not self._stopping:
            self._stopping = True
            self._enter("STOPPING=1\nSTATUS=stopping")

    def alive(self, heard: int) -> None:
        """Note that the worker has processed a batch; `heard` samples have arrived so far, in all streams.

        The watchdog is fed, at most four times in its interval, only if samples have arrived since it was last fed: a
        worker that is busy with a backlog must not hide a dead microphone.
        """
        if heard > self._heard and self._feed():
            self._heard = heard

    def seeking(self) -> None:
        """Feed the watchdog while all microphones are lost but the search for them goes on.

        It is fed each time, however recently it was: the next answer of the search may take most of its interval.
        """
        self._next = 0.0
        self._feed()

    def _feed(self) -> bool:
        """Feed the watchdog if it is time to; whether it was. A message that cannot be sent now is dropped."""
        with self._lock:
            caught_up = self._catch_up()
            if not self._interval_s or time.monotonic() < self._next:
                return False
            self._next = time.monotonic() + self._interval_s
            if caught_up:
                self._send("WATCHDOG=1")
        return True

    def _enter(self, state: str) -> None:
        """Send a state, which the manager must not miss; it is kept until it is sent."""
        with self._lock:
            if "STATUS=" in state:  # newer than what waits
                self._waiting = ""
            self._unsent.append(state)
            self._catch_up()

    def _catch_up(self) -> bool:
        """Send the states that are still unsent, then the status; False if some could not be sent."""
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
        try:  # addressed each time, as the manager may have replaced its socket
            self._socket.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except OSError as error:
            if not self._unheard:
                why = error.strerror or error  # Python's own: the path is too long
                log.warning("systemd cannot be notified: %s: %s", self._address.replace("\0", "@"), why)
            self._unheard = True
            return False
        self._unheard = False
        return True


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """The time-out of systemd's watchdog in seconds; 0 if it does not watch this process."""
    try:
        if int(environment.get("WATCHDOG_PID") or os.getpid()) != os.getpid():
            return 0.0
        return max(0, int(environment.get("WATCHDOG_USEC") or 0)) / 1_000_000
    except ValueError:
        log.warning("WATCHDOG_USEC or WATCHDOG_PID is not a number; the watchdog is not notified")
        return 0.0

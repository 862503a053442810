"""The line that `systemctl status` shows: what the daemon listens to, what it has heard, and which devices are lost."""

from __future__ import annotations

import threading
import time
from datetime import datetime

from kwsd.daemon.notify import Notifier
from kwsd.envelope import Envelope
from kwsd.events import Detection, DeviceLost, DeviceRestored


class StatusLine:
    """A sink that keeps systemd's status line up to date; its words are the model's, whatever a speaker says.

    The worker, the reloads' thread and whoever publishes call it: each line is made and sent under the lock, so that
    an older one never replaces a newer one.
    """

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._what = ""
        self._words = 0
        self._last = ""
        self._lost: dict[str, str] = {}
        self._lock = threading.Lock()

    def ready(self, what: str) -> None:
        """Tell systemd that the daemon is ready; `what` describes what it does."""
        with self._lock:
            self._what = what
            self._notifier.ready(self._line())

    def reloaded(self) -> None:
        """Tell systemd that the configuration has been read again."""
        with self._lock:
            self._notifier.reloaded(self._line())

    def send(self, envelope: Envelope) -> None:
        """Update the line if the event changes it."""
        with self._lock:
            if self._note(envelope) and self._what:
                self._notifier.status(self._line())

    def _note(self, envelope: Envelope) -> bool:
        """Take down what the event says; whether the line is another one then."""
        event = envelope.event
        if isinstance(event, Detection):
            self._words += 1
            self._last = f"{event.word} at {_clock(envelope.time)}"
        elif isinstance(event, DeviceLost):
            self._lost[event.stream] = f"{event.stream} is lost since {_clock(envelope.time)}: {event.reason}"
        elif isinstance(event, DeviceRestored):
            self._lost.pop(event.stream, None)
        else:
            return False
        return True

    def _line(self) -> str:
        heard = f"words heard: {self._words}" + (f", the last: {self._last}" if self._last else "")
        return "; ".join([*self._lost.values(), self._what, heard])


def _clock(moment: datetime) -> str:
    # `astimezone` refuses a TZ that is a day or more away from UTC.
    return time.strftime("%F %T", time.localtime(moment.timestamp()))

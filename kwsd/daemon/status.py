"""The line that `systemctl status` shows: what the daemon listens to, what it has heard, and which devices are lost."""

from __future__ import annotations

from datetime import datetime

from kwsd.daemon.notify import Notifier
from kwsd.envelope import Envelope
from kwsd.events import Detection, DeviceLost, DeviceRestored


class StatusLine:
    """A sink that keeps systemd's status line up to date; its words are the model's, whatever a speaker says."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._what = ""
        self._words = 0
        self._last = ""
        self._lost: dict[str, str] = {}

    def ready(self, what: str) -> None:
        """Tell systemd that the daemon is ready; `what` describes what it does."""
        self._what = what
        self._notifier.ready(self._line())

    def reloaded(self) -> None:
        """Tell systemd that the configuration has been read again."""
        self._notifier.reloaded(self._line())

    def send(self, envelope: Envelope) -> None:
        """Update the line if the event changes it."""
        event = envelope.event
        if isinstance(event, Detection):
            self._words += 1
            self._last = f"{event.word} at {_clock(envelope.time)}"
        elif isinstance(event, DeviceLost):
            self._lost[event.stream] = f"{event.stream} is lost since {_clock(envelope.time)}: {event.reason}"
        elif isinstance(event, DeviceRestored):
            self._lost.pop(event.stream, None)
        else:
            return
        if self._what:
            self._notifier.status(self._line())

    def _line(self) -> str:
        heard = f"words heard: {self._words}" + (f", the last: {self._last}" if self._last else "")
        return "; ".join([*self._lost.values(), self._what, heard])


def _clock(time: datetime) -> str:
    return time.astimezone().strftime("%F %T")

"""The line that `systemctl status` shows."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from kwsd.daemon.status_line import StatusLine
from kwsd.envelope import Envelope
from kwsd.events import Detection, DeviceLost, DeviceRestored, Event, SpeechStarted

STOP = Detection("desk", "stop", 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny")


class SlowNotifier:
    """Remembers the last line; while READY or the end of a reload is told, it lets `meanwhile` begin, and wait."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.last = ""
        self._other = threading.Thread(target=meanwhile)
        self._told = threading.Event()

    def ready(self, status: str) -> None:
        self._other.start()
        self._told.wait(0.2)  # in vain where the other thread has to wait for this one
        self.last = status

    reloaded = ready

    def status(self, status: str) -> None:
        self.last = status
        self._told.set()

    def join(self) -> None:
        self._other.join()


class FakeNotifier:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def ready(self, status: str) -> None:
        self.told.append(f"ready: {status}")

    def reloaded(self, status: str) -> None:
        self.told.append(f"reloaded: {status}")

    def status(self, status: str) -> None:
        self.told.append(status)


def test_words_the_last_of_them_and_a_lost_device() -> None:
    notifier = FakeNotifier()
    line = StatusLine(notifier)  # type: ignore[arg-type]  # a fake

    def send(*events: Event) -> None:
        for event in events:
            line.send(Envelope.seal(event, 1))

    send(DeviceLost("desk", 5, "gone"), DeviceRestored("desk", 6, 1))  # before it is ready, nobody waits for it
    line.ready("tiny on cpu listens to desk")
    send(STOP, STOP, SpeechStarted("desk", 5), DeviceLost("desk", 5, "no audio"), DeviceRestored("desk", 6, 1))
    line.reloaded()
    told = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "T", text) for text in notifier.told]
    assert told == [
        "ready: tiny on cpu listens to desk; words heard: 0",
        "tiny on cpu listens to desk; words heard: 1, the last: stop at T",
        "tiny on cpu listens to desk; words heard: 2, the last: stop at T",
        "desk is lost since T: no audio; tiny on cpu listens to desk; words heard: 2, the last: stop at T",
        "tiny on cpu listens to desk; words heard: 2, the last: stop at T",
        "reloaded: tiny on cpu listens to desk; words heard: 2, the last: stop at T",
    ]


@pytest.mark.parametrize("tell", [lambda line: line.ready("tiny on cpu"), StatusLine.reloaded])
def test_a_loss_that_is_told_meanwhile_is_in_the_last_line(tell: Callable[[StatusLine], None]) -> None:
    lost = Envelope.seal(DeviceLost("desk", 5, "no audio"), 1)
    notifier = SlowNotifier(lambda: line.send(lost))
    line = StatusLine(notifier)  # type: ignore[arg-type]  # a fake
    line._what = "tiny on cpu"
    tell(line)
    notifier.join()
    assert notifier.last.startswith("desk is lost since ")


def test_each_lost_device_is_named_until_it_is_back_itself() -> None:
    notifier = FakeNotifier()
    line = StatusLine(notifier)  # type: ignore[arg-type]  # a fake
    line.ready("tiny")
    for event in (DeviceLost("desk", 5, "gone"), DeviceLost("hall", 5, "gone"), DeviceRestored("hall", 6, 1)):
        line.send(Envelope.seal(event, 1))
    assert notifier.told[-1].startswith("desk is lost since")
    assert "hall" not in notifier.told[-1]


@pytest.fixture(params=[("EST5", "2026-11-21 07:00:00"), ("FAR24", "2026-11-20 12:00:00")])
def noon_there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Five hours west of Greenwich, or a whole day: the local time there when it is noon in Greenwich."""
    with monkeypatch.context() as there:
        there.setenv("TZ", request.param[0])
        time.tzset()
        yield request.param[1]
    time.tzset()


def test_times_are_those_of_this_machines_zone(noon_there: str) -> None:
    notifier = FakeNotifier()
    line = StatusLine(notifier)  # type: ignore[arg-type]  # a fake
    line.ready("tiny")
    noon = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
    line.send(replace(Envelope.seal(STOP, 1), time=noon))
    assert notifier.told[-1].endswith(f"stop at {noon_there}")

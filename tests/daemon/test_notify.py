"""What systemd is told."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from kwsd.daemon.notify import Notifier

Notify = Callable[..., Notifier]


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": address}

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def crowd(self) -> int:
        """Fill its queue with what other services say; how many messages that is."""
        told = 0
        while count := self._told_by_another():
            told += count
        return told

    def _told_by_another(self) -> int:
        """Each service has room for some messages of its own, too."""
        count = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, suppress(BlockingIOError):
            other.setblocking(False)
            while True:
                other.sendto(b"STATUS=another service", self.socket.getsockname())
                count += 1
        return count


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@kwsd-test-{os.getpid()}")
    yield manager
    manager.socket.close()


@pytest.fixture
def notify() -> Iterator[Notify]:
    """Makes notifiers of an environment, by default the process's own, and closes them after the test."""
    with ExitStack() as stack:
        yield lambda environment=None: stack.enter_context(closing(Notifier(environment)))


def test_the_stations_of_a_life(notify: Notify, manager: Manager) -> None:
    notifier = notify(manager.environment)
    notifier.status("loading tiny")
    notifier.ready("listening to desk")
    notifier.alive(1)
    notifier.stopping()
    notifier.stopping()
    assert manager.heard() == [
        "STATUS=loading tiny",
        "READY=1\nSTATUS=listening to desk",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_the_newest_status_is_told_once_there_is_room(
    notify: Notify, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier = notify(manager.environment)
    notifier.ready("listening to desk")
    manager.heard()
    sent, full = Notifier._send, [True]
    monkeypatch.setattr(Notifier, "_send", lambda self, message: not full[0] and sent(self, message))
    notifier.status("desk is lost")
    notifier.status("desk is lost; words heard: 1")
    full[0] = False
    notifier.seeking()
    assert manager.heard() == ["STATUS=desk is lost; words heard: 1"]
    full[0] = True
    notifier.status("old")
    notifier.stopping()
    full[0] = False
    notifier.seeking()
    assert manager.heard() == ["STOPPING=1\nSTATUS=stopping"]


def test_a_model_s_word_says_nothing_else(notify: Notify, manager: Manager) -> None:
    notify(manager.environment).status("the last: stop\nWATCHDOG=1")
    assert manager.heard() == ["STATUS=the last: stop\\nWATCHDOG=1"]


def test_the_watchdog_is_told_now_and_then(notify: Notify, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("kwsd.daemon.notify.time.monotonic", lambda: now[0])
    notifier = notify({**manager.environment, "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())})
    counts = []
    for heard, step in enumerate((0.0, 0.5, 0.4, 0.2, 0.1, 5.0)):
        now[0] += step
        notifier.alive(heard)
        counts.append(len(manager.heard()))
    assert counts == [1, 0, 0, 1, 0, 1]


def test_the_watchdog_starves_when_no_audio_comes(
    notify: Notify, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("kwsd.daemon.notify.time.monotonic", lambda: now[0])
    notifier = notify({**manager.environment, "WATCHDOG_USEC": "4000000"})
    told = []
    for heard in (1600, 1600, 1600, 3200, 3200):  # the worker goes on all the time, over what waits for it
        now[0] += 2.0
        notifier.alive(heard)
        told.append(len(manager.heard()))
    assert told == [1, 0, 0, 1, 0]


def test_a_reload_is_told_with_its_time(notify: Notify, manager: Manager) -> None:
    notifier = notify(manager.environment)
    notifier.reloading()
    notifier.reloaded("too early")
    assert manager.heard() == []
    notifier.ready("listening")
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    after = time.monotonic_ns() // 1000
    notifier.reloaded("listening")
    _, reloading, ready = manager.heard()
    head, _, microseconds = reloading.partition("=1\nMONOTONIC_USEC=")
    assert head == "RELOADING"
    assert before <= int(microseconds) <= after
    assert ready == "READY=1\nSTATUS=listening"
    notifier.stopping()
    notifier.reloading()
    notifier.reloaded("too late")
    assert manager.heard() == ["STOPPING=1\nSTATUS=stopping"]


def test_a_state_that_finds_no_room_is_told_as_soon_as_there_is_some(
    notify: Notify, manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = notify(manager.environment)
    others = manager.crowd()
    notifier.status("loading tiny")
    notifier.ready("listening")
    notifier.alive(1)
    assert len(manager.heard()) == others
    notifier.alive(2)
    notifier.alive(3)
    assert manager.heard() == ["READY=1\nSTATUS=listening"]
    others = manager.crowd()
    notifier.reloading()
    notifier.reloaded("listening")
    assert len(manager.heard()) == others
    notifier.status("words heard: 1")
    first, *rest = manager.heard()
    assert first.startswith("RELOADING=1\n")
    assert rest == ["READY=1\nSTATUS=listening", "STATUS=words heard: 1"]
    assert len(caplog.records) == 2  # once each time


def test_of_many_states_that_find_no_room_the_newest_are_told(notify: Notify, manager: Manager) -> None:
    notifier = notify(manager.environment)
    others = manager.crowd()
    notifier.ready("listening")
    for _ in range(100):
        notifier.reloading()
        notifier.reloaded("listening")
    notifier.stopping()
    assert len(manager.heard()) == others
    notifier.status("the end")
    assert [message.partition("\n")[0] for message in manager.heard()] == ["READY=1", "STOPPING=1", "STATUS=the end"]


@pytest.mark.parametrize("extra", [{}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}])
def test_no_watchdog_unless_it_watches_this_process(notify: Notify, manager: Manager, extra: dict[str, str]) -> None:
    notify({**manager.environment, **extra}).alive(1)
    assert manager.heard() == []


def test_the_process_environment_is_the_default(
    notify: Notify, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.environment["NOTIFY_SOCKET"])
    notify().ready("x")
    assert manager.heard() == ["READY=1\nSTATUS=x"]


def test_it_takes_one_descriptor_and_gives_it_back(notify: Notify, manager: Manager) -> None:
    descriptors = "/proc/self/fd"
    before = len(os.listdir(descriptors))  # noqa: PTH208 - names are all it takes
    notifier = notify(manager.environment)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # subscribers have taken all others
    try:
        notifier.ready("listening")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert manager.heard() == ["READY=1\nSTATUS=listening"]
    notifier.close()
    notifier.stopping()  # from a thread that was left behind
    assert manager.heard() == []
    assert len(os.listdir(descriptors)) == before  # noqa: PTH208 - as above


def test_a_manager_that_is_started_anew_hears_it(notify: Notify, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    notifier = notify({"NOTIFY_SOCKET": str(path)})
    for _ in range(2):
        manager = Manager(str(path))
        notifier.status("listening")
        assert manager.heard() == ["STATUS=listening"]
        manager.socket.close()
        path.unlink()


def test_without_a_manager_nothing_is_said_or_logged(notify: Notify, caplog: pytest.LogCaptureFixture) -> None:
    notifier = notify({"WATCHDOG_USEC": "1"})
    notifier.ready("x")
    notifier.alive(1)
    notifier.stopping()
    assert caplog.text == ""


@pytest.mark.parametrize(
    "environment",
    [
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "/" + "x" * 200},
        {"WATCHDOG_USEC": "soon"},
    ],
)
def test_what_cannot_work_is_logged_and_kills_nobody(
    notify: Notify, environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    notify(environment).ready("x")
    assert len(caplog.records) == 1
    assert "None" not in caplog.text

"""Threads of one daemon: waited for together, and none dies in silence."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from patience import PATIENCE_S

from kwsd.daemon.threads import Threads


def _raise(error: BaseException) -> None:
    raise error


def test_those_that_end_are_waited_for() -> None:
    threads, done, go = Threads(_raise), [], threading.Event()

    def body() -> None:
        go.wait(PATIENCE_S)
        done.append(threading.current_thread().name)

    threads.start("kwsd-one", body)
    threads.start("kwsd-two", body)
    threads.join(0)
    assert not done
    go.set()
    threads.join(PATIENCE_S)
    assert sorted(done) == ["kwsd-one", "kwsd-two"]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """The threads that were waited for, and for how long: all of them hang."""
    waited: list[tuple[str, float]] = []

    class Hung:
        def __init__(self, *, name: str, **_: object) -> None:
            self.name = name

        def start(self) -> None:
            pass

        def join(self, timeout: float) -> None:
            waited.append((self.name, timeout))

    clock = SimpleNamespace(monotonic=lambda: 100.0 + sum(seconds for _, seconds in waited))
    monkeypatch.setattr("kwsd.daemon.threads.threading", SimpleNamespace(Thread=Hung))
    monkeypatch.setattr("kwsd.daemon.threads.time", clock)
    return waited


def test_those_that_hang_are_waited_for_once_the_last_first(waited: list[tuple[str, float]]) -> None:
    threads = Threads(_raise)
    for number in range(3):
        threads.start(f"kwsd-{number}", lambda: None)
    threads.join(10.0)
    assert waited == [("kwsd-2", 10.0), ("kwsd-1", 0.0), ("kwsd-0", 0.0)]


def test_one_that_is_not_worth_the_wait_leaves_the_others_their_time(waited: list[tuple[str, float]]) -> None:
    threads = Threads(_raise)
    threads.start("kwsd-worker", lambda: None)
    threads.start("kwsd-reload", lambda: None, patience_s=1.0)
    threads.join(10.0)
    assert waited == [("kwsd-reload", 1.0), ("kwsd-worker", 9.0)]


def test_what_one_dies_of_is_told() -> None:
    told: list[BaseException] = []
    error, threads = SystemExit("enough"), Threads(told.append)
    threads.start("kwsd-one", lambda: _raise(error))
    threads.join(PATIENCE_S)
    assert told == [error]

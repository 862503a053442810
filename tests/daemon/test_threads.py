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


def test_those_that_hang_are_waited_for_once_the_last_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waited = [100.0], []

    class Hung:
        def __init__(self, *, name: str, **_: object) -> None:
            self.name = name

        def start(self) -> None:
            pass

        def join(self, timeout: float) -> None:
            waited.append(self.name)
            clock[0] += timeout

    monkeypatch.setattr("kwsd.daemon.threads.threading", SimpleNamespace(Thread=Hung))
    monkeypatch.setattr("kwsd.daemon.threads.time", SimpleNamespace(monotonic=lambda: clock[0]))
    threads = Threads(_raise)
    for number in range(3):
        threads.start(f"kwsd-{number}", lambda: None)
    threads.join(10.0)
    assert clock == [110.0]
    assert waited == ["kwsd-2", "kwsd-1", "kwsd-0"]


def test_what_one_dies_of_is_told() -> None:
    told: list[BaseException] = []
    error, threads = SystemExit("enough"), Threads(told.append)
    threads.start("kwsd-one", lambda: _raise(error))
    threads.join(PATIENCE_S)
    assert told == [error]

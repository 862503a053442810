"""Hooks and a socket to try things on: sinks that are closed after the test, and the detections that they are sent."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from patience import PATIENCE_S
from small_pipe import Pipe

from kwsd.envelope import Envelope
from kwsd.events import Detection, Event, HookFinished
from kwsd.sinks import hook_output, hooks, running, starting
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.order import Hook
from kwsd.sinks.socket import SocketSink


def _heard(word: str) -> Envelope:
    return Envelope.seal(Detection("desk", word, 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny"), 7)


@pytest.fixture
def stop() -> Envelope:
    """The detection of a "stop"."""
    return _heard("stop")


@pytest.fixture
def go() -> Envelope:
    """The detection of a "go"."""
    return _heard("go")


class Bench:
    """Hook sinks to try things on, and what they report."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self.sinks: list[HookSink] = []
        self.failures: list[BaseException] = []
        self._reports: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def sink(self, *lines: str, word: str = "stop", timeout_s: float = PATIENCE_S, **limits: int) -> HookSink:
        """A sink with a hook for each of these shell lines."""
        return self.add(*(Hook(("/bin/sh", "-c", line), timeout_s) for line in lines), word=word, **limits)

    def add(self, *hooks: Hook, word: str = "stop", **limits: int) -> HookSink:
        """A sink with these hooks for a word."""
        reports = self._reports.put
        self.sinks.append(HookSink({word: hooks}, publish=reports, failed=self.failures.append, **limits))
        return self.sinks[-1]

    def report(self) -> HookFinished:
        """The next one of any sink; waits for it."""
        event = self._reports.get(timeout=PATIENCE_S)
        assert isinstance(event, HookFinished)
        return event

    def monotonic(self) -> float:
        """The time, for hooks."""
        return time.monotonic() + self._ahead_s

    def later(self, seconds: float) -> None:
        """So much time passes at once, however busy the machine is that runs the hooks."""
        self._ahead_s += seconds
        for sink in self.sinks:
            sink._waker.wake()

    def silent(self) -> bool:
        return self._reports.empty()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """For what another process does after it has ended, on which nothing here can wait."""
        patience = threading.Event()
        for _ in range(int(PATIENCE_S / 0.01)):
            if condition():
                return
            patience.wait(0.01)
        raise AssertionError("it did not come about")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The sinks of a test. None of their threads fails, and none is left."""
    bench = Bench()
    for module in (hooks, hook_output, running, starting):
        monkeypatch.setattr(module, "time", bench)
    for module, limit in ((hooks, "LAST_S"), (hooks, "GRACE_S"), (starting, "GRACE_S")):
        monkeypatch.setattr(module, limit, PATIENCE_S)  # of what is about to end, which a busy machine may delay
    yield bench
    for sink in bench.sinks:
        sink.close(0)
    assert bench.failures == []
    assert not {"kwsd-hooks", "kwsd-hook-start"} & {thread.name for thread in threading.enumerate()}


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A pipe with a name: who opens it waits for the other side, so that tests need no clock."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SocketSink]:
    failures: list[BaseException] = []
    sink = SocketSink(tmp_path / "events.sock", failed=failures.append)
    yield sink
    sink.close(0)
    assert failures == []


@pytest.fixture
def subscribe(sink: SocketSink) -> Iterator[Callable[[], socket.socket]]:
    """Connects a client, and returns when the sink serves it."""
    clients: list[socket.socket] = []

    def connect() -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE_S)
        client.connect(str(sink.path))
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    with ExitStack() as stack:
        stack.callback(pipe.close_reader)
        stack.enter_context(suppress(OSError))
        stack.callback(pipe.stream.close)
        yield pipe

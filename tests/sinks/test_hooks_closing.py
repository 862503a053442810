"""How many hooks run and wait at once, and what becomes of them when kwsd stops."""

from __future__ import annotations

import math
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.envelope import Envelope
from kwsd.events import Event
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.order import Hook, Order
from kwsd.sinks.running import RunningHook


def test_no_more_run_at_once_than_allowed_and_no_more_wait(
    bench: Any, fifo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, stop: Envelope
) -> None:
    sink = bench.sink(f"echo $$ >>{tmp_path}/started; read line <{fifo}", limit=1, queue=2)
    sink.send(stop)
    bench.wait_for(lambda: bool(sink._running))  # it counts from then on, later than it may have begun
    for _ in range(9):
        sink.send(stop)  # returns at once: two wait, seven are dropped
    dropped = [bench.report() for _ in range(7)]
    assert [report.exit_status for report in dropped] == [None] * 7
    assert "dropped (7 so far), 1 run and 2 wait" in caplog.text
    assert len(sink._running) == 1
    for _ in range(3):
        fifo.write_text("end\n")
        assert bench.report().exit_status == 0
    assert len((tmp_path / "started").read_text().split()) == 3


def test_closing_lets_what_runs_and_waits_come_to_its_end(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    sink = bench.sink(*(f"echo {name} >>{tmp_path}/out" for name in "abc"), limit=1)
    sink.send(stop)
    sink.close(math.inf)
    assert (tmp_path / "out").read_text() == "a\nb\nc\n"
    sink.send(stop)  # too late
    assert [bench.report().exit_status for _ in range(3)] == [0, 0, 0]
    assert bench.silent()


def test_what_is_heard_while_it_closes_runs_nothing(bench: Any, fifo: Path, stop: Envelope) -> None:
    sink = bench.sink(f"read line <{fifo}")
    sink.send(stop)
    bench.wait_for(lambda: bool(sink._running))
    closing = threading.Thread(target=sink.close, args=(math.inf,))
    closing.start()
    bench.wait_for(lambda: sink._closing)
    sink.send(stop)
    fifo.write_text("end\n")
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert bench.report().exit_status == 0
    assert bench.silent()


def test_closing_ends_what_runs_at_the_deadline(
    bench: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, stop: Envelope
) -> None:
    sink = bench.sink(*[f": >{tmp_path}/started; exec sleep 1000"] * 2, limit=1)
    sink.send(stop)
    bench.wait_for((tmp_path / "started").exists)
    sink.close(0.2)
    reports = [bench.report(), bench.report()]
    assert {report.exit_status for report in reports} == {143, None}
    assert not any(report.timed_out for report in reports)
    assert "1 waiting hooks are dropped" in caplog.text
    assert "because kwsd stops" in caplog.text


def test_closing_ends_where_a_hook_has_ended_before_it_is_watched(
    bench: Any, monkeypatch: pytest.MonkeyPatch, stop: Envelope
) -> None:
    """The deadline has passed meanwhile: what waited is dropped, and nothing is left that could wake the thread."""
    started, go_on = threading.Event(), threading.Event()

    class Slow(RunningHook):
        def __init__(self, order: Order) -> None:
            super().__init__(order)
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            started.set()
            go_on.wait(PATIENCE_S)

    monkeypatch.setattr("kwsd.sinks.starting.RunningHook", Slow)
    sink = bench.sink("true", "true", limit=1)
    sink.send(stop)
    assert started.wait(PATIENCE_S)
    closing = threading.Thread(target=sink.close, args=(0,))
    closing.start()
    bench.wait_for(lambda: sink._deadline < math.inf)
    go_on.set()
    sink._thread.join(PATIENCE_S)
    closing.join(PATIENCE_S)
    assert not sink._thread.is_alive()
    assert {bench.report().exit_status for _ in range(2)} == {0, None}


def test_closing_ends_where_the_last_that_waited_cannot_be_started(
    bench: Any, fifo: Path, tmp_path: Path, stop: Envelope
) -> None:
    gone = tmp_path / "gone"
    gone.symlink_to("/bin/true")
    sink = bench.add(Hook(("/bin/sh", "-c", f"read line <{fifo}"), PATIENCE_S), Hook((str(gone),)), limit=1)
    gone.unlink()
    sink.send(stop)
    closing = threading.Thread(target=sink.close, args=(math.inf,))
    closing.start()
    bench.wait_for(lambda: sink._closing)
    fifo.write_text("end\n")
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert [bench.report().exit_status for _ in range(2)] == [0, None]


def test_hurry_shortens_a_patient_close(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    sink = bench.sink(f": >{tmp_path}/started; exec sleep 1000")
    sink.send(stop)
    bench.wait_for((tmp_path / "started").exists)
    patient = threading.Thread(target=sink.close, args=(math.inf,))
    patient.start()
    sink.hurry(0.1)
    patient.join(PATIENCE_S)
    assert not patient.is_alive()
    assert bench.report().exit_status == 143


class Crossed(deque[Order]):
    """The orders that a sink refuses; another detection comes just after the first of them."""

    def __init__(self, send: Callable[[], None]) -> None:
        super().__init__()
        self._send: Callable[[], None] | None = send

    def _cross(self) -> None:
        send, self._send = self._send, None
        if send:
            send()

    def append(self, order: Order) -> None:
        super().append(order)
        self._cross()

    def extend(self, orders: Iterable[Order]) -> None:
        super().extend(orders)
        self._cross()


def test_what_comes_while_the_waiting_ones_are_dropped_is_reported_too(
    bench: Any, tmp_path: Path, stop: Envelope
) -> None:
    sink = bench.sink(f": >{tmp_path}/started; exec sleep 1000", limit=1)
    sink._refused = Crossed(lambda: sink.send(stop))
    sink.send(stop)
    bench.wait_for((tmp_path / "started").exists)
    sink.send(stop)
    sink.hurry(0.1)
    ended = [bench.report().exit_status for _ in range(3)]
    assert (ended.count(143), ended.count(None)) == (1, 2)


def test_kill_waits_for_nothing(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    sink = bench.sink(f"trap '' TERM; echo >{tmp_path}/started; while :; do sleep 1000; done")
    sink.send(stop)
    bench.wait_for((tmp_path / "started").exists)
    sink.kill()
    assert bench.report().exit_status == 137


def test_what_is_just_being_started_is_killed_too(bench: Any, monkeypatch: pytest.MonkeyPatch, stop: Envelope) -> None:
    """It runs already when its sink comes to know of it."""
    runs, known = threading.Event(), threading.Event()

    class Late(RunningHook):
        def __init__(self, order: Order) -> None:
            super().__init__(order)
            runs.set()
            assert known.wait(PATIENCE_S)

    monkeypatch.setattr("kwsd.sinks.starting.RunningHook", Late)
    sink = bench.sink("sleep 1000")
    sink.send(stop)
    assert runs.wait(PATIENCE_S)
    sink.kill()
    known.set()
    assert bench.report().exit_status == 137


def test_one_that_is_started_is_killed_while_its_sink_is_busy_elsewhere(
    monkeypatch: pytest.MonkeyPatch, stop: Envelope
) -> None:
    """With a log that nobody reads, say: the process dies before the sink comes to know of it."""
    busy, done = threading.Event(), threading.Event()
    started: list[RunningHook] = []

    class Late(RunningHook):
        def __init__(self, order: Order) -> None:
            super().__init__(order)
            if order.hook.argv[0] == "sleep":
                assert busy.wait(PATIENCE_S)
                started.append(self)

    def publish(_: Event) -> None:
        busy.set()
        done.wait()

    monkeypatch.setattr("kwsd.sinks.starting.RunningHook", Late)
    sink = HookSink({"stop": [Hook(("true",)), Hook(("sleep", "1000"))]}, publish=publish)
    try:
        sink.send(stop)
        assert busy.wait(PATIENCE_S)
        waited = threading.Event()
        while not sink._starter._begun or sink._starter._begun[0].outcome is None:
            assert not waited.wait(0.01)
        sink.kill()
        assert select.select([started[0].exit_descriptor], [], [], PATIENCE_S)[0]
    finally:
        done.set()
        sink.close(0)


def test_a_patient_close_does_not_lengthen_what_a_hurry_has_left(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    sink = bench.sink(f": >{tmp_path}/started; exec sleep 1000", timeout_s=math.inf)
    sink.send(stop)
    bench.wait_for(lambda: (tmp_path / "started").exists() and bool(sink._running))
    sink.hurry(PATIENCE_S)
    patient = threading.Thread(target=sink.close, args=(math.inf,), daemon=True)
    patient.start()
    bench.wait_for(lambda: sink._closing)
    bench.later(PATIENCE_S)
    patient.join(PATIENCE_S)
    assert not patient.is_alive()
    assert bench.report().exit_status == 143

"""Hooks that hang, fork, flood and will not die: how they end, and what is left of them."""

from __future__ import annotations

import logging
import math
import queue
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.cli import stderr
from kwsd.daemon.counters import Counters
from kwsd.envelope import Envelope
from kwsd.events import Event
from kwsd.shown import brief
from kwsd.sinks import hook_output, running
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.order import Hook

LIMIT_S = 1000.0
"""A time-out, which passes as soon as a shell has come so far that it may."""


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie, which nobody may have collected in a container, counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_hanging_hook_is_ended_with_all_its_children(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    pids = tmp_path / "pids"
    bench.sink(f"sleep 1000 & echo $$ $! >{pids}.new; mv {pids}.new {pids}; wait", timeout_s=LIMIT_S).send(stop)
    bench.wait_for(pids.exists)
    bench.later(LIMIT_S)
    report = bench.report()
    assert report.timed_out
    assert report.exit_status == 128 + signal.SIGTERM
    shell, child = map(int, pids.read_text().split())
    assert gone(shell)
    bench.wait_for(lambda: gone(child))


def test_what_has_ended_keeps_nobody_awake(bench: Any, stop: Envelope) -> None:
    """A descriptor that is closed and still polled wakes the thread again and again."""
    sink = bench.sink("true", "exit 3")
    waker = sink._waker.fileno()
    sink.send(stop)
    assert {bench.report().exit_status for _ in range(2)} == {0, 3}
    bench.wait_for(lambda: not sink._outputs._open)
    sink.close(math.inf)
    assert not sink._outputs.orphans
    assert {descriptor for descriptor, _ in sink._poll.poll(0)} <= {waker}


def test_a_hook_that_ignores_sigterm_is_killed(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, stop: Envelope
) -> None:
    monkeypatch.setattr(running, "GRACE_S", LIMIT_S)
    deaf = tmp_path / "deaf"
    sink = bench.sink(f"trap '' TERM; : >{deaf}; while :; do sleep 1000; done", timeout_s=LIMIT_S)
    sink.send(stop)
    bench.wait_for(lambda: deaf.exists() and bool(sink._running))
    (hook,) = sink._running.values()
    bench.later(LIMIT_S)
    bench.wait_for(lambda: hook._signals == [signal.SIGKILL])  # it was asked
    bench.later(LIMIT_S)
    report = bench.report()
    assert report.timed_out
    assert report.exit_status == 128 + signal.SIGKILL
    assert f"time-out of {LIMIT_S:g} s" in caplog.text


def test_a_hook_that_ends_well_after_its_time_out_has_failed_all_the_same(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, stop: Envelope
) -> None:
    monkeypatch.setattr(running, "GRACE_S", PATIENCE_S)
    ready = tmp_path / "ready"
    bench.sink(f"trap 'exit 0' TERM; sleep 1000 & : >{ready}; wait", timeout_s=LIMIT_S).send(stop)
    bench.wait_for(ready.exists)
    bench.later(LIMIT_S)
    report = bench.report()
    assert (report.exit_status, report.timed_out) == (0, True)
    (said,) = [record for record in caplog.records if "its time-out of" in record.getMessage()]
    assert said.levelname == "WARNING"
    counters = Counters({}, 1600)
    counters.send(Envelope.seal(report, 1))
    assert counters.snapshot()["hook_failures"] == 1


def test_a_child_that_ignores_sigterm_dies_with_its_group(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    pid = tmp_path / "pid"
    line = f"(trap '' TERM; sh -c 'echo $PPID' >{pid}.new; mv {pid}.new {pid}; while :; do sleep 1000; done) & wait"
    bench.sink(line, timeout_s=LIMIT_S).send(stop)
    bench.wait_for(pid.exists)
    bench.later(LIMIT_S)
    assert bench.report().timed_out
    child = int(pid.read_text())
    bench.wait_for(lambda: gone(child))


def test_a_hook_that_leaves_a_child_behind_is_over_when_it_ends(
    bench: Any, fifo: Path, tmp_path: Path, stop: Envelope
) -> None:
    done = tmp_path / "done"
    bench.sink(f"(read line <{fifo}; echo late; echo later && echo >{done}) &").send(stop)
    assert bench.report().exit_status == 0  # while the child holds its output open, and waits for us
    fifo.write_text("go on\n")
    bench.wait_for(done.exists)  # its output was still taken


def test_a_flood_is_read_and_forgotten(bench: Any, caplog: pytest.LogCaptureFixture, stop: Envelope) -> None:
    caplog.set_level(logging.INFO)
    bench.sink("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end").send(stop)
    assert bench.report().exit_status == 0
    said = [record.getMessage() for record in caplog.records if "wrote" in record.getMessage()]
    assert len(said) == 1
    assert len(said[0]) < 2 * running.TAIL_BYTES
    assert said[0].endswith("the end'")


def test_the_end_of_what_it_wrote_is_on_the_log_in_any_letters(
    bench: Any, caplog: pytest.LogCaptureFixture, stop: Envelope
) -> None:
    caplog.set_level(logging.INFO)
    bench.sink("for line in $(seq 300); do echo 日本; done; echo 終").send(stop)
    assert bench.report().exit_status == 0
    (said,) = [record.getMessage() for record in caplog.records if "wrote" in record.getMessage()]
    assert brief(said, stderr.MOST).endswith("日本\\n終'")


def test_an_orphan_that_floods_is_slowed_and_goes_on(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Envelope
) -> None:
    status = tmp_path / "status"
    sink = bench.sink(f"(head -c 5000000 /dev/zero; echo $? >{status}.new; mv {status}.new {status}) &")
    sink.send(stop)
    assert bench.report().exit_status == 0
    for _ in range(3):
        bench.wait_for(lambda: any(hook.rests_until for hook in sink._outputs.orphans))
        assert not status.exists()  # it has more to say than fits into the pipe
        bench.later(hook_output.REST_S)
        bench.wait_for(lambda: not any(0 < hook.rests_until <= bench.monotonic() for hook in sink._outputs.orphans))
    monkeypatch.setattr(hook_output, "REST_S", 0.05)
    bench.wait_for(status.exists)  # nobody wakes the sink any more but its own clock
    assert status.read_text() == "0\n"


def test_the_oldest_orphan_loses_its_pipe(
    bench: Any, fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Envelope
) -> None:
    monkeypatch.setattr(hook_output, "ORPHANS", 1)
    broken = tmp_path / "broken"
    older = f"(trap '' PIPE; until ! echo x; do sleep 0.01; done; echo >{broken}) &"
    bench.sink(older, f"(read line <{fifo}) &", limit=1).send(stop)
    assert [bench.report().exit_status for _ in range(2)] == [0, 0]
    bench.wait_for(broken.exists)
    fifo.write_text("go on\n")


def test_a_thread_that_fails_says_so_and_kills_what_it_started(tmp_path: Path, stop: Envelope) -> None:
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    pid = tmp_path / "pid"

    def publish(_: Event) -> None:
        raise OSError("no space left")

    lines = [f"echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 1000", f"until test -e {pid}; do sleep 0.01; done"]
    hooks = [Hook(("/bin/sh", "-c", line)) for line in lines]
    sink = HookSink({"stop": hooks}, publish=publish, failed=failures.put)
    sink.send(stop)
    assert str(failures.get(timeout=PATIENCE_S)) == "no space left"
    sink.close(0)
    assert gone(int(pid.read_text()))


def test_no_descriptor_and_no_process_is_left(bench: Any, children: Callable[[], set[int]], stop: Envelope) -> None:
    born_before = children()
    sink = bench.sink("true", "exit 1", "sleep 1000", timeout_s=0.2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        sink.send(stop)
        for _ in range(3):
            bench.report()
    bench.wait_for(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)  # less other tests' garbage
    assert children() <= born_before

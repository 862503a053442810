"""A program that hangs as it is started, on a mount that is gone: it holds up nobody else."""

from __future__ import annotations

import math
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from unreachable import out_of_reach

from kwsd.envelope import Envelope
from kwsd.errors import ConfigError
from kwsd.sinks import programs, starting
from kwsd.sinks.order import Hook, Order
from kwsd.sinks.programs import check_programs
from kwsd.sinks.running import RunningHook


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """One that does nothing, and whose file is ours to keep out of reach."""
    return Path(shutil.copy("/bin/true", tmp_path / "program"))


def test_it_is_not_checked_and_others_are(
    bench: Any, program: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write_bytes(b"echo hello")
    join = threading.Thread.join

    def its_time_passes(look: Any, limit_s: float) -> None:
        assert 0 <= limit_s <= programs.LOOK_S
        join(look, 0.0 if look.argv[0] == str(program) else PATIENCE_S)

    with out_of_reach(program), monkeypatch.context() as meanwhile:
        meanwhile.setattr(programs._Look, "join", its_time_passes)
        bench.add(Hook((str(program),)))
        assert f"hook for stop: '{program}' cannot be checked: looking at the file hangs" in caplog.text
        with pytest.raises(ConfigError, match="'no-such-program' is not found"):
            bench.add(Hook((str(program),)), Hook(("no-such-program",)))
    with pytest.raises(ConfigError, match="does not say what runs it"):
        bench.add(Hook((str(program),)))


def test_without_a_thread_to_look_programs_are_checked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse_threads)
    with pytest.raises(ConfigError, match="'no-such-program' is not found"):
        check_programs({"stop": [["true"], ["no-such-program"]]})


def refuse_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_others_run_meanwhile_and_it_does_when_it_comes_back(
    bench: Any, program: Path, caplog: pytest.LogCaptureFixture, stop: Envelope
) -> None:
    sink = bench.add(Hook((str(program),), PATIENCE_S), Hook(("/bin/sh", "-c", "exit 7")), limit=1)
    with out_of_reach(program):
        sink.send(stop)
        bench.wait_for(lambda: sink._starter.busy)
        bench.later(starting.HANGS_S)
        assert bench.report().exit_status == 7
        assert f"hook for stop hangs as it is started: {program}" in caplog.text
        assert bench.silent()
    assert bench.report().exit_status == 0


def test_no_more_of_it_are_started_until_it_comes_back(
    bench: Any, program: Path, caplog: pytest.LogCaptureFixture, stop: Envelope
) -> None:
    sink = bench.add(Hook((str(program), "1"), PATIENCE_S), Hook((str(program), "2"), PATIENCE_S), limit=4)
    with out_of_reach(program):
        sink.send(stop)
        bench.wait_for(lambda: sink._starter.busy)
        bench.later(starting.HANGS_S)
        assert bench.report().command == f"{program} 2"
        assert f"cannot be started: {program} 2: the run before still hangs as it is started" in caplog.text
    assert bench.report().command == f"{program} 1"
    sink.send(stop)
    assert [bench.report().exit_status for _ in range(2)] == [0, 0]


def test_one_that_dies_with_its_parent_lives_as_long_as_kwsd(
    bench: Any, tmp_path: Path, stop: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, end = tmp_path / "ready", tmp_path / "end"
    lines = f"""
import ctypes, pathlib, signal, time
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: when the thread ends that started it
pathlib.Path({str(ready)!r}).touch()
while not pathlib.Path({str(end)!r}).exists():
    time.sleep(0.01)
"""

    class Started(RunningHook):
        def __init__(self, order: Order) -> None:
            super().__init__(order)
            bench.wait_for(ready.exists)

    monkeypatch.setattr(starting, "RunningHook", Started)
    dies = Hook((sys.executable, "-c", lines), PATIENCE_S)
    sink = bench.add(dies, Hook(("/bin/sh", "-c", "exit 7"), PATIENCE_S))
    sink.send(stop)
    assert bench.report().exit_status == 7
    end.touch()
    assert bench.report().exit_status == 0


def test_one_that_comes_back_when_nobody_asks_leaves_nothing_behind(
    bench: Any, tmp_path: Path, stop: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Path(shutil.copy("/bin/sleep", tmp_path / "sleep"))
    started: list[RunningHook] = []

    class Started(RunningHook):
        def __init__(self, order: Order) -> None:
            super().__init__(order)
            started.append(self)

    monkeypatch.setattr(starting, "RunningHook", Started)
    sink = bench.add(Hook((str(program), "1000"), PATIENCE_S))
    with out_of_reach(program):
        sink.send(stop)
        bench.wait_for(lambda: sink._starter.busy)
        bench.later(starting.HANGS_S)
        sink.close(math.inf)
    bench.wait_for(lambda: "kwsd-hook-start" not in {thread.name for thread in threading.enumerate()})
    assert started[0]._process.returncode == -signal.SIGKILL
    assert (started[0].exit_descriptor, started[0].output_descriptor) == (-1, -1)


def test_what_comes_back_when_its_time_is_over_is_ended(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    program = Path(shutil.copy("/bin/sleep", tmp_path / "sleep"))
    sink = bench.add(Hook((str(program), "1000"), 5.0))
    with out_of_reach(program):
        sink.send(stop)
        bench.wait_for(lambda: sink._starter.busy)
        bench.later(6.0)
        bench.wait_for(lambda: not sink._starter.busy)
    report = bench.report()
    assert report.timed_out
    assert report.exit_status == 143


@pytest.mark.parametrize("patience_s", [0.1, math.inf])
def test_closing_leaves_it_behind_and_ends_what_runs(
    bench: Any, program: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, stop: Envelope, patience_s: float
) -> None:
    started = tmp_path / "started"
    runs = Hook(("/bin/sh", "-c", f": >{started}; test {patience_s} = inf || exec sleep 1000"), PATIENCE_S)
    sink = bench.add(runs, Hook((str(program),), PATIENCE_S))
    with out_of_reach(program):
        sink.send(stop)
        bench.wait_for(started.exists)
        bench.wait_for(lambda: len(sink._starter._begun) == 1 and not sink._queue)
        closing = threading.Thread(target=sink.close, args=(patience_s,))
        closing.start()
        bench.later(starting.HANGS_S)
        closing.join(PATIENCE_S)
        assert not closing.is_alive()
        assert not sink._thread.is_alive()
    reports = {report.command: report.exit_status for report in (bench.report(), bench.report())}
    assert reports.pop(str(program)) is None
    assert list(reports.values()) == [0 if patience_s == math.inf else 143]
    assert "hangs as it is started, and is left running" in caplog.text
    bench.wait_for(lambda: "kwsd-hook-start" not in {thread.name for thread in threading.enumerate()})  # it came back

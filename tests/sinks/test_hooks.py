"""Hooks that work, and hooks that fail, hang, fork, flood and cannot be started."""

from __future__ import annotations

import json
import logging
import math
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kwsd.errors import ConfigError
from kwsd.events import Detection, Envelope, Event, HookFinished, SpeechStarted
from kwsd.sinks import hooks as sinks_hooks
from kwsd.sinks import running
from kwsd.sinks.hooks import Hook, HookSink

PATIENCE_S = 30.0
SHORT_S = 1.5
"""A time-out that is to pass, but not before a shell has started on a busy machine."""


def sealed(word: str = "stop", stream: str = "desk") -> Envelope:
    return Envelope.seal(Detection(stream, word, 0.9975, 0.9, 54_720, 62_400, 64_000, "tiny"), 7)


class Bench:
    """Hook sinks to try things on, and what they report."""

    def __init__(self) -> None:
        self.sinks: list[HookSink] = []
        self.failures: list[BaseException] = []
        self._reports: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def sink(self, *lines: str, word: str = "stop", timeout_s: float = PATIENCE_S, **limits: int) -> HookSink:
        """A sink with a hook for each of these shell lines."""
        hooks = [Hook(("/bin/sh", "-c", line), timeout_s) for line in lines]
        return self.add(HookSink({word: hooks}, publish=self._reports.put, failed=self.failures.append, **limits))

    def add(self, sink: HookSink) -> HookSink:
        self.sinks.append(sink)
        return sink

    def report(self) -> HookFinished:
        event = self._reports.get(timeout=PATIENCE_S)
        assert isinstance(event, HookFinished)
        return event

    def silent(self) -> bool:
        return self._reports.empty()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for sink in bench.sinks:
        sink.close(0)
    assert bench.failures == []
    assert "kwsd-hooks" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A pipe with a name: who opens it waits for the other side, so that tests need no clock."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie, which nobody may have collected in a container, counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_detection_is_on_standard_input_and_in_the_environment(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = f"import json,os,sys; json.dump([sys.stdin.read(), dict(os.environ)], open({str(out)!r}, 'w'))"
    event = sealed()
    sink = bench.add(
        HookSink({"stop": [Hook((sys.executable, "-c", script))]}, publish=bench._reports.put)  # a program, no shell
    )
    sink.send(event)
    assert bench.report().exit_status == 0
    stdin, environment = json.loads(out.read_text())
    assert stdin == event.to_json() + "\n"
    assert environment["KWSD_WORD"] == "stop"
    assert environment["KWSD_SCORE"] == "0.9975"
    assert environment["KWSD_START_S"] == "3.42"
    assert environment["KWSD_END_S"] == "3.9"
    assert environment["KWSD_AT_S"] == "4.0"
    assert environment["KWSD_STREAM"] == "desk"
    assert environment["KWSD_MODEL"] == "tiny"
    assert {f"KWSD_{key.upper()}" for key in event.to_dict()} <= set(environment)


def test_a_hook_inherits_what_is_listed_and_nothing_else(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = {
        "HOME": "/home/me", "LANG": "de_DE.UTF-8", "LC_TIME": "C", "XDG_RUNTIME_DIR": "/run/user/1000",
        "DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus",
    }  # fmt: skip
    secret = (
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
        "LD_PRELOAD_NOT",
        "PYTHONPATH",
        "KWSD_OTHER",
        "MQTT",
    )
    systemds = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    for name in (*secret, *systemds):
        monkeypatch.setenv(name, "secret")
    for name, value in desktop.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KWSD_WORD", "go")
    monkeypatch.setenv("MQTT_PASSWORD", "a b\nc")
    for passed in ((), ("MQTT_PASSWORD", "NOTIFY_SOCKET", "NOT_SET")):
        out = tmp_path / f"out{len(passed)}"
        script = f"import json,os; json.dump(dict(os.environ), open({str(out)!r}, 'w'))"
        hook = Hook((sys.executable, "-c", script), passed=passed)
        bench.add(HookSink({"stop": [hook]}, publish=bench._reports.put)).send(sealed())
        assert bench.report().exit_status == 0
        environment = json.loads(out.read_text())
        assert environment.items() >= desktop.items()
        assert environment["PATH"] == os.environ["PATH"]
        assert environment["KWSD_WORD"] == "stop"
        assert not environment.keys() & {*secret, *systemds}
        assert environment.get("MQTT_PASSWORD") == ("a b\nc" if passed else None)


def test_arguments_reach_the_program_as_they_are(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = f"import sys,json; json.dump(sys.argv[1:], open({str(out)!r}, 'w'))"
    argv = (sys.executable, "-c", script, "$KWSD_WORD", "; rm -rf /", "*")
    bench.add(HookSink({"stop": [Hook(argv)]}, publish=bench._reports.put)).send(sealed())
    bench.report()
    assert json.loads(out.read_text()) == ["$KWSD_WORD", "; rm -rf /", "*"]


def test_only_detections_of_the_word_run_its_hooks(bench: Bench) -> None:
    sink = bench.sink("true")
    sink.send(Envelope.seal(SpeechStarted("desk", 0), 1))
    sink.send(sealed("go"))
    sink.send(sealed("stop"))
    assert bench.report().word == "stop"
    sink.close(math.inf)
    assert bench.silent()


def test_a_star_runs_for_any_word(bench: Bench) -> None:
    sink = bench.sink("true", word="*")
    sink.send(sealed("go"))
    assert bench.report().word == "go"


def test_exit_status_and_output_stand_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.sink("echo one; echo two >&2; exit 3").send(sealed())
    report = bench.report()
    assert (report.exit_status, report.timed_out) == (3, False)
    assert report.command == "echo one; echo two >&2; exit 3"
    assert "exit status 3" in caplog.text
    assert r"one\ntwo" in caplog.text


def test_success_is_no_warning(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.sink("true").send(sealed())
    assert bench.report().exit_status == 0
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_death_by_signal_counts_as_a_shell_counts_it(bench: Bench) -> None:
    bench.sink("kill -9 $$").send(sealed())
    assert bench.report().exit_status == 137


def test_a_hanging_hook_is_ended_with_all_its_children(bench: Bench, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    bench.sink(f"sleep 1000 & echo $$ $! >{pids}; wait", timeout_s=SHORT_S).send(sealed())
    report = bench.report()
    assert report.timed_out
    assert report.exit_status == 128 + signal.SIGTERM
    shell, child = map(int, pids.read_text().split())
    assert gone(shell)
    wait_for(lambda: gone(child))


def test_a_hook_that_ignores_sigterm_is_killed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "GRACE_S", 3.0)  # a busy machine is slow in killing, too
    bench.sink("trap '' TERM; while :; do sleep 1000; done", timeout_s=SHORT_S).send(sealed())
    report = bench.report()
    assert report.timed_out
    assert report.exit_status == 128 + signal.SIGKILL
    assert f"time-out of {SHORT_S:g} s" in caplog.text


def test_a_child_that_ignores_sigterm_dies_with_its_group(bench: Bench, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    line = f"(trap '' TERM; sh -c 'echo $PPID' >{pid}; while :; do sleep 1000; done) & wait"
    bench.sink(line, timeout_s=SHORT_S).send(sealed())
    assert bench.report().timed_out
    child = int(pid.read_text())
    wait_for(lambda: gone(child))


def test_a_hook_that_leaves_a_child_behind_is_over_when_it_ends(bench: Bench, fifo: Path, tmp_path: Path) -> None:
    done = tmp_path / "done"
    bench.sink(f"(read line <{fifo}; echo late; echo later && echo >{done}) &").send(sealed())
    assert bench.report().exit_status == 0  # while the child holds its output open, and waits for us
    fifo.write_text("go on\n")
    wait_for(done.exists)  # its output was still taken


def test_a_flood_is_read_and_forgotten(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.sink("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end").send(sealed())
    assert bench.report().exit_status == 0
    said = [record.getMessage() for record in caplog.records if "wrote" in record.getMessage()]
    assert len(said) == 1
    assert len(said[0]) < 2 * running.TAIL_BYTES
    assert said[0].endswith("the end'")


def test_an_orphan_that_floods_loses_its_pipe(bench: Bench, tmp_path: Path) -> None:
    status = tmp_path / "status"
    bench.sink(f"(trap '' PIPE; yes; echo over >{status}.new; mv {status}.new {status}) 2>&1 &").send(sealed())
    assert bench.report().exit_status == 0
    wait_for(status.exists)


def test_the_oldest_orphan_loses_its_pipe(
    bench: Bench, fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks_hooks, "ORPHANS", 0)
    broken = tmp_path / "broken"
    bench.sink(f"(trap '' PIPE; read line <{fifo}; until ! echo x; do :; done; echo >{broken}) &").send(sealed())
    assert bench.report().exit_status == 0
    fifo.write_text("go on\n")
    wait_for(broken.exists)


def test_no_more_run_at_once_than_allowed_and_no_more_wait(
    bench: Bench, fifo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = bench.sink(f"echo $$ >>{tmp_path}/started; read line <{fifo}", limit=1, queue=2)
    sink.send(sealed())
    wait_for((tmp_path / "started").exists)
    for _ in range(4):
        sink.send(sealed())  # returns at once: two wait, two are dropped
    dropped = [bench.report() for _ in range(2)]
    assert [report.exit_status for report in dropped] == [None, None]
    assert "dropped (2 so far), 1 run and 2 wait" in caplog.text
    assert len((tmp_path / "started").read_text().split()) == 1
    for _ in range(3):
        fifo.write_text("end\n")
        assert bench.report().exit_status == 0
    assert len((tmp_path / "started").read_text().split()) == 3


def test_a_program_that_vanished_is_reported(bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    sink = bench.add(HookSink({"stop": [Hook((str(program),))]}, publish=bench._reports.put))
    program.unlink()
    sink.send(sealed())
    assert bench.report().exit_status is None
    assert "cannot be started" in caplog.text


def test_no_descriptor_and_no_process_is_left(bench: Bench, children: Callable[[], set[int]]) -> None:
    born_before = children()
    sink = bench.sink("true", "exit 1", "sleep 1000", timeout_s=0.2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        sink.send(sealed())
        for _ in range(3):
            bench.report()
    wait_for(lambda: len(list(Path("/proc/self/fd").iterdir())) == before)
    assert children() <= born_before


def test_closing_lets_what_runs_and_waits_come_to_its_end(bench: Bench, tmp_path: Path) -> None:
    sink = bench.sink(*(f"echo {name} >>{tmp_path}/out" for name in "abc"), limit=1)
    sink.send(sealed())
    sink.close(math.inf)
    assert (tmp_path / "out").read_text() == "a\nb\nc\n"
    sink.send(sealed())  # too late
    assert [bench.report().exit_status for _ in range(3)] == [0, 0, 0]
    assert bench.silent()


def test_closing_ends_what_runs_at_the_deadline(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    sink = bench.sink("sleep 1000", "sleep 1000", limit=1)
    sink.send(sealed())
    sink.close(0.2)
    reports = [bench.report(), bench.report()]
    assert {report.exit_status for report in reports} == {143, None}
    assert not any(report.timed_out for report in reports)
    assert "1 hooks that waited are dropped" in caplog.text
    assert "because kwsd stops" in caplog.text


def test_hurry_shortens_a_patient_close(bench: Bench) -> None:
    sink = bench.sink("sleep 1000")
    sink.send(sealed())
    patient = threading.Thread(target=sink.close, args=(math.inf,))
    patient.start()
    sink.hurry(0.1)
    patient.join(PATIENCE_S)
    assert not patient.is_alive()
    assert bench.report().exit_status == 143


def test_kill_waits_for_nothing(bench: Bench, tmp_path: Path) -> None:
    sink = bench.sink(f"trap '' TERM; echo >{tmp_path}/started; while :; do sleep 1000; done")
    sink.send(sealed())
    wait_for((tmp_path / "started").exists)
    sink.kill()
    assert bench.report().exit_status == 137


def test_a_thread_that_fails_says_so_and_kills_what_it_started(tmp_path: Path) -> None:
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    pid = tmp_path / "pid"

    def publish(_: Event) -> None:
        raise OSError("no space left")

    lines = [f"echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 1000", f"until test -e {pid}; do sleep 0.01; done"]
    hooks = [Hook(("/bin/sh", "-c", line)) for line in lines]
    sink = HookSink({"stop": hooks}, publish=publish, failed=failures.put)
    sink.send(sealed())
    assert str(failures.get(timeout=PATIENCE_S)) == "no space left"
    sink.close(0)
    assert gone(int(pid.read_text()))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("no-such-program", "not found in PATH"),
        ("/no/such/program", "not found"),
        ("~/bin/program", "whole path"),
        ("playerctl pause", "one program with its arguments"),
        ("/tmp", "is a folder"),
    ],
)
def test_a_missing_program_is_told_at_the_start(program: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        HookSink({"stop": [Hook((program,))]})
    assert "'stop'" in str(caught.value)
    assert program in str(caught.value)


def test_a_program_that_may_not_run_is_told_at_the_start(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError, match=r"chmod \+x"):
        HookSink({"stop": [Hook((str(program),))]})


def wait_for(condition: Callable[[], bool]) -> None:
    """For what another process does after it has ended, on which nothing here can wait."""
    patience = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        if condition():
            return
        patience.wait(0.01)
    raise AssertionError("it did not come about")


def test_other_hooks_are_bound_while_one_runs(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    sink = bench.sink(f"read line <{tmp_path}/fifo")
    sink.send(sealed())
    with pytest.raises(ConfigError, match="no-such-program"):
        sink.bind({"go": [Hook(("no-such-program",))]}, limit=4, queue=16)
    sink.bind({"go": [Hook(("true",))]}, limit=4, queue=16)
    sink.send(sealed("go"))
    assert bench.report().word == "go"
    sink.send(sealed())  # no longer bound
    (tmp_path / "fifo").write_text("done\n")
    assert (bench.report().word, bench.silent()) == ("stop", True)

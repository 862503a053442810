"""What a hook is given, and what it reports."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.envelope import Envelope
from kwsd.errors import ConfigError
from kwsd.events import SpeechStarted
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.order import Hook


def test_the_detection_is_on_standard_input_and_in_the_environment(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    out = tmp_path / "out"
    script = f"import json,os,sys; json.dump([sys.stdin.read(), dict(os.environ)], open({str(out)!r}, 'w'))"
    sink = bench.add(Hook((sys.executable, "-c", script)))  # a program, no shell
    sink.send(stop)
    assert bench.report().exit_status == 0
    stdin, environment = json.loads(out.read_text())
    assert stdin == stop.to_json() + "\n"
    assert environment["KWSD_WORD"] == "stop"
    assert environment["KWSD_SCORE"] == "0.9975"
    assert environment["KWSD_START_S"] == "3.42"
    assert environment["KWSD_END_S"] == "3.9"
    assert environment["KWSD_AT_S"] == "4.0"
    assert environment["KWSD_STREAM"] == "desk"
    assert environment["KWSD_MODEL"] == "tiny"
    assert {f"KWSD_{key.upper()}" for key in stop.to_dict()} <= set(environment)


def test_a_report_names_the_detection_that_the_hook_ran_for(bench: Any, stop: Envelope) -> None:
    """The word alone does not tell, if it was said twice and the second hook ends first."""
    sink = bench.sink("true")
    for sequence in (4, 9):
        sink.send(replace(stop, sequence=sequence))
    assert {bench.report().detection, bench.report().detection} == {4, 9}


def test_a_sign_for_a_shell_that_reads_nothing_is_told(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kwsd"):
        bench.add(Hook(("true", "&&", "false")))
    assert [record.getMessage() for record in caplog.records] == [
        "hook for stop: no shell sees '&&'; to run it by a shell, use --hook-shell, or { shell = \"...\" } in the file"
    ]


def test_a_hook_inherits_what_is_listed_and_nothing_else(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Envelope
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
        bench.add(hook).send(stop)
        assert bench.report().exit_status == 0
        environment = json.loads(out.read_text())
        assert environment.items() >= desktop.items()
        assert environment["PATH"] == os.environ["PATH"]
        assert environment["KWSD_WORD"] == "stop"
        assert not environment.keys() & {*secret, *systemds}
        assert environment.get("MQTT_PASSWORD") == ("a b\nc" if passed else None)


def test_arguments_reach_the_program_as_they_are(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    out = tmp_path / "out"
    script = f"import sys,json; json.dump(sys.argv[1:], open({str(out)!r}, 'w'))"
    argv = (sys.executable, "-c", script, "$KWSD_WORD", "; rm -rf /", "*")
    bench.add(Hook(argv)).send(stop)
    bench.report()
    assert json.loads(out.read_text()) == ["$KWSD_WORD", "; rm -rf /", "*"]


def test_only_detections_of_the_word_run_its_hooks(bench: Any, stop: Envelope, go: Envelope) -> None:
    sink = bench.sink("true")
    sink.send(Envelope.seal(SpeechStarted("desk", 0), 1))
    sink.send(go)
    sink.send(stop)
    assert bench.report().word == "stop"
    sink.close(math.inf)
    assert bench.silent()


def test_a_star_runs_for_any_word(bench: Any, go: Envelope) -> None:
    sink = bench.sink("true", word="*")
    sink.send(go)
    assert bench.report().word == "go"


def test_exit_status_and_output_stand_in_the_log(bench: Any, caplog: pytest.LogCaptureFixture, stop: Envelope) -> None:
    bench.sink("echo one; echo two >&2; exit 3").send(stop)
    report = bench.report()
    assert (report.exit_status, report.timed_out) == (3, False)
    assert report.command == "echo one; echo two >&2; exit 3"
    assert "exit status 3" in caplog.text
    assert r"one\ntwo" in caplog.text


def test_success_is_no_warning(bench: Any, caplog: pytest.LogCaptureFixture, stop: Envelope) -> None:
    caplog.set_level(logging.INFO)
    bench.sink("true").send(stop)
    assert bench.report().exit_status == 0
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_death_by_signal_counts_as_a_shell_counts_it(bench: Any, stop: Envelope) -> None:
    bench.sink("kill -9 $$").send(stop)
    assert bench.report().exit_status == 137


def test_other_hooks_are_bound_while_one_runs(bench: Any, fifo: Path, stop: Envelope, go: Envelope) -> None:
    sink = bench.sink(f"read line <{fifo}")
    sink.send(stop)
    with pytest.raises(ConfigError, match="no-such-program"):
        sink.bind({"go": [Hook(("no-such-program",))]}, limit=4, queue=16)
    sink.bind({"go": [Hook(("true",))]}, limit=4, queue=16)
    sink.send(go)
    assert bench.report().word == "go"
    sink.send(stop)  # no longer bound
    fifo.write_text("done\n")
    assert (bench.report().word, bench.silent()) == ("stop", True)


def test_fewer_at_once_leave_room_for_those_that_wait_and_more_start_them(
    bench: Any, fifo: Path, stop: Envelope, go: Envelope
) -> None:
    sink = bench.sink(f"read line <{fifo}")
    for _ in range(3):
        sink.send(stop)
    hooks = {"go": [Hook(("true",))]}
    sink.bind(hooks, limit=1, queue=4)
    sink.send(go)  # three run: it waits, and is not dropped
    assert bench.silent()
    sink.bind(hooks, limit=4, queue=4)
    assert bench.report().word == "go"  # while the three still run
    sink.kill()


def test_a_words_own_hook_goes_before_that_for_any_word(bench: Any, tmp_path: Path, stop: Envelope) -> None:
    own, common = (Hook(("/bin/sh", "-c", f"echo {name} >>{tmp_path}/order")) for name in ("own", "any"))
    sink = HookSink({"*": [common], "stop": [own]}, limit=1, publish=bench._reports.put)
    bench.sinks.append(sink)
    sink.send(stop)
    sink.close(30.0)
    assert (tmp_path / "order").read_text() == "own\nany\n"


class Resting:
    """What a sink polls; tells when it has nothing to do but to wait, while one of its hooks waits for another."""

    def __init__(self, sink: HookSink) -> None:
        self._sink, self._poll, self.begun = sink, sink._poll, threading.Event()

    def poll(self, timeout: int | None) -> list[tuple[int, int]]:
        if ready := self._poll.poll(0):
            return ready
        if self._sink._running and self._sink._queue and not self._sink._starter.busy:
            self.begun.set()
        return self._poll.poll(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poll, name)


def test_what_waits_begins_as_soon_as_more_may_run_at_once(bench: Any, fifo: Path, stop: Envelope) -> None:
    sink = bench.sink(f"read line <{fifo}", "exit 3", limit=1)
    sink._poll = resting = Resting(sink)
    sink.send(stop)
    assert resting.begun.wait(PATIENCE_S)
    sink.bind({}, limit=2, queue=9)
    assert bench.report().exit_status == 3
    fifo.write_text("end\n")
    assert bench.report().exit_status == 0

"""Subscribers, hooks, files and streams that misbehave; sound comes through a pipe, faster than life."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from faulty_daemon import FAST, shell, words
from patience import PATIENCE_S
from unreachable import out_of_reach

Start = Callable[..., Any]


def connect(stack: ExitStack, path: Path) -> socket.socket:
    subscriber = stack.enter_context(socket.socket(socket.AF_UNIX))
    subscriber.connect(str(path))  # without a time-out: it waits while the door is crowded
    subscriber.settimeout(PATIENCE_S)
    return subscriber


def figures(path: Path) -> dict[str, Any]:
    """What the daemon says of itself."""
    with ExitStack() as stack:
        asking = connect(stack, path)
        asking.sendall(b"status\n")
        for line in asking.makefile():
            if json.loads(line)["type"] == "status":
                return json.loads(line)  # type: ignore[no-any-return]  # JSON
    raise ConnectionError("no answer")


def test_a_thousand_subscribers_most_of_them_dead(start: Start, user: Any) -> None:
    running = start("listen", "-", "--socket", user.socket, *FAST)
    running.wait_for_log("events are served at")
    lines: list[str] = []
    with ExitStack() as stack:
        reading = connect(stack, user.socket)
        reader = threading.Thread(target=lambda: lines.extend(reading.makefile()))
        reader.start()
        for number in range(1000):
            dead = connect(stack, user.socket)  # it never reads
            if number % 2:
                dead.close()
        for done in range(100, 2001, 100):  # no faster than the one that reads: it is not to be dropped as well
            running.write(words(100))
            running.wait_for(lambda done=done: sum('"detection"' in line for line in lines) >= done - 5)
        ran = running.end()
        reader.join(PATIENCE_S)
    assert ran.status == 0
    assert [json.loads(line) for line in lines] == ran.events
    assert len(ran.events) > 2000
    assert "subscribers are turned away: there are 64 already" in ran.err
    assert "it does not keep up" in ran.err
    assert not user.socket.exists()


def test_a_socket_whose_file_is_removed(start: Start, user: Any) -> None:
    running = start("listen", "-", "--socket", user.socket, *FAST)
    running.wait_for_log("events are served at")
    with ExitStack() as stack:
        before = connect(stack, user.socket)
        user.socket.unlink()
        running.wait_for_log("the socket was removed, and is made again")
        after = connect(stack, user.socket)
        running.write(words(1))
        running.wait_for_event("detection")
        for subscriber in (before, after):
            told = map(json.loads, subscriber.makefile())
            assert next(event for event in told if event["type"] == "detection")
    assert running.end().status == 0
    assert not user.socket.exists()


def test_a_pipe_that_stays_open_and_gives_nothing(start: Start) -> None:
    running = start("listen", "-", *FAST, env={"KWSD_TESTS_STALLED_S": "1"})
    running.write(words(1))
    running.wait_for_event("detection")
    running.wait_for_log("stdin: no samples for 1 s, though it is open; see what feeds it")
    running.write(words(1))
    running.wait_for_event("detection", 2)
    ran = running.end()
    assert ran.status == 0
    assert "warning: stdin goes on, after " in ran.err


def test_more_subscribers_than_descriptors(start: Start, user: Any) -> None:
    running = start("listen", "-", "--socket", user.socket, *FAST)
    running.write(words(1))
    first = running.wait_for_event("detection")["sequence"]
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (32, 32))  # after it made room for 64
    with ExitStack() as stack:
        subscribers = [connect(stack, user.socket) for _ in range(60)]
        running.wait_for_log("are turned away: Too many open files")
        running.write(words(5))
        running.wait_for_event("detection", 6)
        told = map(json.loads, subscribers[0].makefile())  # the socket's thread may be behind: what came before, too
        assert next(event["type"] for event in told if event["sequence"] > first) == "detection"
        for subscriber in subscribers:
            subscriber.close()
    running.write(words(5))
    running.wait_for_event("detection", 11)

    def has_room() -> bool:
        with suppress(ConnectionError):  # turned away: that the others left is not noticed yet
            return figures(user.socket)["detections"] == {"yes": 11}  # type: ignore[no-any-return]  # JSON
        return False

    running.wait_for(has_room)
    assert running.end().status == 0


def test_few_descriptors_leave_enough_for_hooks_and_the_watchdog(start: Start, user: Any, manager: Any) -> None:
    settings = ("--socket", user.socket, "--hook", "yes=true")
    command = shell('ulimit -n 68; exec "$@"', "listen", "-", *settings, *FAST)
    running = start(command=command, env={"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1"})
    running.write(words(1))
    running.wait_for_event("hook_finished")
    with ExitStack() as stack:
        for _ in range(60):
            connect(stack, user.socket)
        running.wait_for_log("subscribers are turned away: there are 8 already")
        manager._socket.setblocking(False)
        with suppress(BlockingIOError):  # what it has said before
            while True:
                manager._socket.recv(4096)
        manager._socket.settimeout(PATIENCE_S)
        manager.heard.clear()
        running.write(words(4))
        manager.wait_for("WATCHDOG=1")
        running.wait_for_event("hook_finished", 5)
    ran = running.end()
    assert ran.status == 0
    assert [event["exit_status"] for event in ran.events if event["type"] == "hook_finished"] == [0] * 5


def test_few_descriptors_leave_enough_for_eight_hooks_at_once_beside_all_else(
    start: Start, user: Any, tmp_path: Path
) -> None:
    together = f"echo >>{tmp_path}/begun; until test $(wc -l <{tmp_path}/begun) -ge 8; do sleep 0.01; done"
    config = tmp_path / "kwsd.toml"
    config.write_text(f"[hooks]\nmax_running = 8\n[hooks.words]\nyes = {{ shell = {together!r} }}\n")
    settings = ("--socket", user.socket, "--metrics", tmp_path / "metrics", "--save-detections", tmp_path / "kept")
    command = shell('ulimit -n 48; exec "$@"', "listen", "-", "--config", config, *settings, *FAST)
    running = start(command=command, env={"KWSD_TESTS_NO_PIDFD": "yes"})  # where each takes one more
    running.wait_for_log("metrics are served at")
    with ExitStack() as stack:
        for _ in range(60):
            connect(stack, user.socket)
        running.wait_for_log("subscribers are turned away")
        connect(stack, tmp_path / "metrics")
        running.write(words(8))
        running.wait_for_event("hook_finished", 8)
    ran = running.end()
    assert ran.status == 0
    assert [event["exit_status"] for event in ran.events if event["type"] == "hook_finished"] == [0] * 8


def test_hooks_that_ignore_sigterm_fork_and_never_stop_talking(start: Start, user: Any, tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn"
    stubborn.write_text("#!/bin/sh\ntrap '' TERM\nsleep 1000 &\nyes all work and no play\n")
    stubborn.chmod(0o755)
    settings = ("--socket", user.socket, "--hook", f"yes={stubborn}", "--hook-timeout", "1")
    running = start("listen", "-", *settings, *FAST)
    running.write(words(40))
    running.wait_for_event("detection", 40)
    running.wait_for(lambda: [event.get("exit_status") for event in running.events()].count(137) >= 4)
    running.wait_for(lambda: figures(user.socket)["hook_runs"] >= 4)  # it is counted after it was told
    found = figures(user.socket)
    assert found["hook_failures"] >= 20  # four run, sixteen wait, the others are dropped
    running.signal(signal.SIGTERM)
    assert running.wait().status == 0  # and none of them lives on
    assert "hook for yes dropped" in "".join(running.err)


def test_a_hook_whose_program_hangs_as_it_is_started(start: Start, tmp_path: Path) -> None:
    program = Path(shutil.copy("/bin/true", tmp_path / "program"))
    running = start("listen", "-", "--hook", f"yes={program}", "--hook", "yes=true", *FAST)
    running.write(words(1))
    running.wait_for_event("hook_finished", 2)
    with out_of_reach(program):
        running.write(words(1))
        running.wait_for_event("hook_finished", 3)  # the other one
        running.write(words(1))
        running.wait_for_event("hook_finished", 5)
        running.process.stdin.close()
        assert running.process.wait(PATIENCE_S) == 0
    ran = running.wait()  # what came back has ended, too
    finished = [(event["command"], event["exit_status"]) for event in ran.events if event["type"] == "hook_finished"]
    assert finished[2:] == [("true", 0), (str(program), None), ("true", 0), (str(program), None)]
    assert f"hook for yes hangs as it is started: {program}" in ran.err
    assert "the run before still hangs as it is started" in ran.err
    assert "it hangs as it is started, and is left running" in ran.err


def test_standard_output_that_nobody_reads_any_more(start: Start, sound_server: Any, word: Path) -> None:
    env = {name: sound_server.env[name] for name in ("XDG_RUNTIME_DIR", "ALSA_CONFIG_PATH", "PULSE_SERVER")}
    running = start("listen", "--no-gate", "--format", "json", env=env, read_stdout=False)
    running.wait_for_log("listens to default")
    running.process.stdout.close()
    path = sound_server.folder / "kwsd" / "events.sock"
    deadline = time.monotonic() + PATIENCE_S
    while figures(path)["detections"].get("yes", 0) < 3:  # it goes on for its subscribers
        assert time.monotonic() < deadline
        sound_server.say(word)
    running.signal(signal.SIGTERM)
    ran = running.wait()
    assert ran.status == 0
    assert "standard output is closed" in ran.err


@pytest.mark.parametrize("moment", ["events are served at", "listens to stdin"])
def test_kill_9_at_any_moment(start: Start, user: Any, moment: str) -> None:
    for _ in range(2):
        running = start("listen", "-", "--socket", user.socket, "--metrics", user.folder / "metrics.sock", *FAST)
        running.write(words(1))
        running.wait_for_log(moment)
        running.signal(signal.SIGKILL)
        assert running.wait().status == -signal.SIGKILL
    last = start("listen", "-", "--socket", user.socket, *FAST)
    last.write(words(1))
    assert last.end().status == 0

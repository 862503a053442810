"""How the daemon ends when it is told to, wherever it is, and what it makes of a socket that is there already."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from processes import Running

from kwsd.daemon.signals import TOGETHER_S

Start = Callable[..., Any]


def stubborn(folder: Path) -> Path:
    """A hook that says it runs, leaves a child, and does not heed SIGTERM."""
    script = folder / "stubborn"
    script.write_text("#!/bin/sh\ntrap '' TERM\nsleep 1000 &\n: >\"$1\"\nsleep 1000\nsleep 1000\n")
    script.chmod(0o755)
    return script


def test_sigterm_while_the_model_is_loading(start: Start, user: Any) -> None:
    running = start("listen", "-", "--socket", user.socket)
    running.wait_for_log("events are served at")  # comes before the model
    running.signal(signal.SIGTERM)
    ran = running.wait()
    assert (ran.status, ran.out, ran.errors) == (0, "", [])
    assert not user.socket.exists()


def test_sigterm_while_it_listens(start: Start, user: Any, pcm: bytes, tmp_path: Path) -> None:
    hook = f"yes={stubborn(tmp_path)} {tmp_path / 'ran'}"
    settings = ("--events", "all", "--format", "json", "--hook-timeout", "1000")
    running = start("listen", "-", "--socket", user.socket, "--hook", hook, *settings)
    running.write(pcm[: 3 * 32_000])  # the pipe stays open: it waits for more
    running.wait_for_event("detection")
    running.wait_for((tmp_path / "ran").exists)
    running.signal(signal.SIGTERM)
    ran = running.wait()
    assert ran.status == 0
    assert ran.errors == []
    kinds = [event["type"] for event in ran.events]
    assert kinds[-2:] == ["hook_finished", "stopped"]
    assert ran.events[-1]["reason"] == "SIGTERM"
    assert not user.socket.exists()


FOR_LONG = f"""
import sys
from kwsd.cli import main
from kwsd.daemon import signals
signals.TOGETHER_S = {PATIENCE_S}
sys.exit(main())
"""


def test_the_two_signals_that_timeout_sends_are_one(user: Any, pcm: bytes) -> None:
    """Half a millisecond apart, for which a busy machine may need longer than two signals count as one."""
    settings = ("--socket", str(user.socket), "--events", "all", "--format", "json")
    running = Running([sys.executable, "-c", FOR_LONG, "listen", "-", *settings], user.env)
    try:
        running.write(pcm[:32_000])
        running.wait_for_event("ready")
        running.signal(signal.SIGTERM)
        time.sleep(0.0005)
        running.signal(signal.SIGTERM)
        ran = running.wait()
    finally:
        running.kill()
    assert (ran.status, ran.errors) == (0, [])
    assert ran.events[-1]["reason"] == "SIGTERM"
    assert not user.socket.exists()


def test_ctrl_c_twice_ends_it_at_once(start: Start, pcm: bytes, manager: Any, tmp_path: Path) -> None:
    hook = f"yes={stubborn(tmp_path)} {tmp_path / 'ran'}"
    running = start("listen", "-", "--format", "json", "--hook", hook, NOTIFY_SOCKET=manager.address)
    running.write(pcm[: 3 * 32_000])
    running.wait_for_event("detection")
    running.wait_for((tmp_path / "ran").exists)
    running.signal(signal.SIGINT)
    manager.wait_for("STOPPING=1")  # the first one is being obeyed
    time.sleep(TOGETHER_S)  # two that come together count as one
    running.signal(signal.SIGINT)
    ran = running.wait()  # and the hook is gone as well
    assert ran.status in (-signal.SIGINT, 130)  # 130: it was through before the second one came
    assert ran.errors == []


def test_ctrl_c_once_is_130(start: Start, pcm: bytes) -> None:
    running = start("listen", "-", "--format", "json", "--events", "all")
    running.write(pcm[:32_000])
    running.wait_for_event("ready")
    running.signal(signal.SIGINT)
    ran = running.wait()
    assert ran.status == 130
    assert ran.events[-1]["reason"] == "SIGINT"


def test_a_living_daemon_keeps_its_socket_and_a_dead_one_loses_it(start: Start, user: Any) -> None:
    first = start("listen", "-", "--socket", user.socket)
    first.wait_for_log("events are served at")
    second = start("listen", "-", "--socket", user.socket).end()
    assert second.status == 69
    assert "another kwsd listens there" in second.errors[0]
    assert user.socket.exists()
    first.signal(signal.SIGKILL)
    assert first.wait().status == -signal.SIGKILL
    assert user.socket.exists()  # nobody tidied up
    third = start("listen", "-", "--socket", user.socket)
    third.wait_for_log("events are served at")
    with socket.socket(socket.AF_UNIX) as subscriber:
        subscriber.connect(os.fspath(user.socket))
    third.signal(signal.SIGTERM)
    assert third.wait().status == 0
    assert not user.socket.exists()


def test_a_file_where_the_socket_should_be_stays(user: Any, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear diary")
    ran = user.run("listen", "-", "--socket", tmp_path / "letter")
    assert ran.status == 69
    assert "not a socket" in ran.errors[0]
    assert (tmp_path / "letter").read_text() == "dear diary"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_standard_streams_do_no_harm(user: Any, recordings: Path, closed: str) -> None:
    line = f'exec "$@" {closed}'
    command = ["sh", "-c", line, "sh", *user.command("listen", recordings / "sentence.flac")]
    done = subprocess.run(command, env=user.env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr

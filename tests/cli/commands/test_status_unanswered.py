"""`kwsd status`, asked of a server that gives no answer."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from users import unprivileged

Command = Callable[..., Any]


@pytest.mark.parametrize("answer", [b"", b"[1, 2]\n", b"no JSON\n", b"[" * 50_000 + b"\n"])
def test_a_server_that_does_not_know_the_question(kwsd: Command, tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        server.settimeout(PATIENCE_S)

        def hang_up() -> None:
            client, _ = server.accept()
            with client:
                client.recv(100)
                client.sendall(answer)

        thread = threading.Thread(target=hang_up)
        thread.start()
        ran = kwsd("status", "--socket", tmp_path / "s")
        thread.join()
    assert ran.status == 69


@contextmanager
def saying(path: Path, said: bytes, times: float) -> Iterator[None]:
    """A server that says that so many times, or until nobody hears it, and no longer than a test may take."""
    until = time.monotonic() + PATIENCE_S

    def say() -> None:
        client, _ = server.accept()
        with client, suppress(ConnectionError):
            sent = 0
            while sent < times and time.monotonic() < until:
                client.sendall(said)
                sent += 1

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        server.settimeout(PATIENCE_S)
        thread = threading.Thread(target=say)
        thread.start()
        yield
        thread.join()


def test_a_server_that_talks_of_other_things_is_not_heard_for_ever(
    kwsd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.cli.commands.status._ANSWER_S", 0.1)
    with saying(tmp_path / "s", b'{"type": "detection"}\n', math.inf):
        ran = kwsd("status", "--socket", tmp_path / "s")
    assert (ran.status, ran.err.count("\n")) == (69, 1)
    assert "the daemon gives no valid answer (timed out)" in ran.err


def test_a_line_without_end_is_not_kept(kwsd: Command, tmp_path: Path) -> None:
    with saying(tmp_path / "s", b"[" * 65_536, 1000):
        ran = kwsd("status", "--socket", tmp_path / "s")
    assert ran.status == 69
    assert "the daemon gives no valid answer (a line without an end)" in ran.err


def test_a_daemon_that_lets_nobody_in_is_not_waited_for(
    kwsd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.cli.commands.status._ANSWER_S", 0.1)
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(tmp_path / "s"))
        server.listen(0)
        given_up = threading.Timer(PATIENCE_S, server.accept)
        given_up.start()
        stack.callback(given_up.cancel)
        with suppress(BlockingIOError):
            while True:
                waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
                waiting.setblocking(False)
                waiting.connect(str(tmp_path / "s"))
        ran = kwsd("status", "--socket", tmp_path / "s")
    assert ran.status == 69
    assert "the daemon does not accept connections" in ran.err


@pytest.mark.parametrize("command", ["status", "events"])
def test_who_may_not_ask_is_told_who_may(closed: Path, command: str) -> None:
    """A system service's socket is for its own user."""
    asking = [*unprivileged(), sys.executable, "-m", "kwsd", command, "--socket", closed / "s"]
    done = subprocess.run(asking, capture_output=True, text=True)
    told = f"kwsd: error: {closed / 's'}: Permission denied: ask as the user whose daemon it is, or as root\n"
    assert (done.returncode, done.stdout, done.stderr) == (69, "", told)


def test_a_path_below_a_file(kwsd: Command) -> None:
    ran = kwsd("status", "--socket", Path(__file__) / "s")
    assert ran.status == 69
    assert "(Not a directory): check the path, or name the daemon's socket with --socket" in ran.err

"""`kwsd events` prints what the socket says, byte for byte, until it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

Command = Callable[..., Any]

LINES = b'{"type": "detection", "word": "stop"}\n{"type": "stopped"}\n'


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A daemon's end, where `kwsd events` looks for it."""
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "kwsd" / "events.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield server


def test_lines_come_as_they_are_until_the_daemon_ends(kwsd: Command, listening: socket.socket) -> None:
    def serve() -> None:
        client, _ = listening.accept()
        with client:
            client.sendall(LINES[:20])
            client.sendall(LINES[20:])

    daemon = threading.Thread(target=serve)
    daemon.start()
    ran = kwsd("events")
    daemon.join()
    assert (ran.status, ran.out.encode(), ran.err) == (0, LINES, "")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "too many subscribers"),
        (LINES.splitlines(keepends=True)[0], "dropped this subscriber as too slow"),
        (LINES[:-5], "dropped this subscriber as too slow"),
        (b"[" * 50_000 + b"\n", "dropped this subscriber as too slow"),
    ],
)
def test_a_daemon_that_hangs_up_has_not_stopped(kwsd: Command, listening: socket.socket, said: bytes, why: str) -> None:
    def serve() -> None:
        client, _ = listening.accept()
        with client:
            client.sendall(said)

    daemon = threading.Thread(target=serve)
    daemon.start()
    ran = kwsd("events")
    daemon.join()
    assert (ran.status, ran.out.encode()) == (69, said)
    assert "the daemon closed the connection" in ran.err
    assert why in ran.err
    assert ran.err.count("\n") == 1


def test_a_line_without_end_is_not_kept_until_it_ends(listening: socket.socket) -> None:
    command = [sys.executable, "-m", "kwsd", "events"]
    listening.settimeout(PATIENCE_S)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        daemon, _ = listening.accept()
        hang_up = threading.Timer(PATIENCE_S, daemon.shutdown, [socket.SHUT_RDWR])
        hang_up.start()
        daemon.sendall(b"[" * 100_000)
        assert process.stdout is not None
        assert process.stdout.read(50_000) == b"[" * 50_000
        assert hang_up.is_alive()
        hang_up.cancel()
        daemon.close()
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 69


def test_a_place_where_no_socket_lies_is_no_daemon_that_died(kwsd: Command, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "file"):
        (tmp_path / "file").write_text("")
        ran = kwsd("events", "--socket", place)
        assert (ran.status, f"{place} is not a socket" in ran.err) == (69, True)


def test_nobody_there(kwsd: Command) -> None:
    ran = kwsd("events")
    assert ran.status == 69
    assert "no daemon is running" in ran.err
    assert "kwsd listen" in ran.err


def test_a_socket_that_a_dead_daemon_left(kwsd: Command, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    ran = kwsd("events", "--socket", path)
    assert ran.status == 69
    assert "no daemon is running: the one at" in ran.err


def test_no_socket_at_all(kwsd: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert kwsd("events", "--socket", tmp_path / "file").status == 69


def test_the_socket_of_the_configuration_is_asked(kwsd: Command, user: Path, tmp_path: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text(f'[socket]\npath = "{tmp_path}/mine"\n', encoding="utf-8")
    assert f"{tmp_path}/mine" in kwsd("events").err


@pytest.fixture
def subscribed(listening: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """`kwsd events`, which has printed what it was sent; the daemon does not hang up."""
    command = [sys.executable, "-m", "kwsd", "events"]
    listening.settimeout(PATIENCE_S)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            client, _ = listening.accept()
            with client:
                client.sendall(LINES)
                assert process.stdout is not None
                assert process.stdout.read(len(LINES)) == LINES
                yield process
        finally:
            process.kill()


def test_a_reader_that_has_read_enough_ends_it_before_the_next_event(subscribed: subprocess.Popen[bytes]) -> None:
    assert subscribed.stdout is not None
    subscribed.stdout.close()
    assert subscribed.wait(PATIENCE_S) == 0
    assert subscribed.stderr is not None
    assert subscribed.stderr.read() == b""


def test_ctrl_c_ends_it_quietly(subscribed: subprocess.Popen[bytes]) -> None:
    subscribed.send_signal(signal.SIGINT)
    out, err = subscribed.communicate(timeout=PATIENCE_S)
    assert (subscribed.returncode, out, err) == (130, b"", b"")

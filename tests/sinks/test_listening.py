"""The socket's file: who may reach it, and who may take it over."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from patience import PATIENCE_S

from kwsd.daemon.metrics_server import MetricsServer
from kwsd.errors import ConfigError, DeviceError
from kwsd.sinks.listening import LONGEST, listen, unlink
from kwsd.sinks.socket import SocketSink


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_socket_and_new_folder_are_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "kwsd" / "events.sock"
    before = os.umask(0)
    try:
        server, _ = listen(path)
    finally:
        os.umask(before)
    server.close()
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700


def test_the_mode_is_right_from_the_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.sock"
    seen: list[int] = []
    monkeypatch.setattr(Path, "chmod", lambda self, _: seen.append(mode(self)))
    before = os.umask(0)
    try:
        server, _ = listen(path)
    finally:
        os.umask(before)
    server.close()
    assert seen == [0o600]


def test_a_live_daemon_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    server, identity = listen(path)
    with server, pytest.raises(DeviceError, match="another kwsd listens"):
        listen(path)
    assert path.exists()
    unlink(path, identity)
    assert not path.exists()


def test_a_daemon_too_busy_to_accept_is_alive(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    clients: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        for _ in range(2):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            clients.append(client)
            client.connect_ex(str(path))
        with pytest.raises(DeviceError, match="another kwsd listens"):
            listen(path)
    for client in clients:
        client.close()


def test_a_dead_daemons_socket_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server, _ = listen(path)
    with server, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_of_two_that_take_over_at_once_one_wins(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / f"{attempt}.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        servers: list[socket.socket] = []
        refused: list[DeviceError] = []
        together = threading.Barrier(2)

        def take_over(
            path: Path = path,
            together: threading.Barrier = together,
            servers: list[socket.socket] = servers,
            refused: list[DeviceError] = refused,
        ) -> None:
            together.wait()
            try:
                servers.append(listen(path)[0])
            except DeviceError as error:
                refused.append(error)

        threads = [threading.Thread(target=take_over) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(servers), len(refused)) == (1, 1)
        servers[0].close()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_not_removed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "events.sock"
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeviceError, match="not a socket"):
        listen(path)
    assert path.is_symlink() or path.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceError, match=r"no socket can be made there: .*; choose another path with --socket"):
        listen(tmp_path / "file" / "events.sock")


def test_a_path_too_long_for_the_kernel(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--socket"):
        listen(tmp_path / ("x" * 108))


def test_somebody_elses_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    server, identity = listen(path)
    path.rename(tmp_path / "moved")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        unlink(path, identity)
        assert path.exists()
    server.close()
    unlink(tmp_path / "none", identity)


GIVEN = """
import os, socket, sys
from kwsd.errors import DeviceError
from kwsd.sinks.listening import inherited
given = {"unix": socket.AF_UNIX, "inet": socket.AF_INET}.get(sys.argv[1])
if given is not None:
    server = socket.socket(given)
    if given == socket.AF_UNIX:
        server.bind(sys.argv[2])
        server.listen()
    os.dup2(server.fileno(), 3)
environment = {"LISTEN_PID": str(os.getpid() + int(sys.argv[3])), "LISTEN_FDS": sys.argv[4]}
try:
    print(inherited(environment) and "given")
except DeviceError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("kind", "other", "count", "says"),
    [
        ("unix", 0, "1", "given"),
        ("unix", 1, "1", "None"),
        ("unix", 0, "0", "None"),
        ("unix", 0, "2", "serves one socket"),
        ("inet", 0, "1", "not a Unix stream socket"),
        ("none", 0, "1", "is not a socket"),
    ],
)
def test_the_socket_that_systemd_hands_over(tmp_path: Path, kind: str, other: int, count: str, says: str) -> None:
    command = [sys.executable, "-c", GIVEN, kind, str(tmp_path / "s"), str(other), count]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert says in done.stdout, done.stderr


def test_a_lock_that_a_stranger_holds_hangs_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.sinks.listening._ALONE_S", 0.05)
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    server, _ = listen(tmp_path / "socket")
    server.close()
    os.close(held)


def test_a_folder_of_somebody_else_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can read it may hold its lock."""
    stranger = os.getuid() + 1
    monkeypatch.setattr("kwsd.sinks.listening.os.getuid", lambda: stranger)
    monkeypatch.setattr("kwsd.sinks.listening.try_lock", lambda _: pytest.fail("it was to be locked"))
    server, _ = listen(tmp_path / "socket")
    server.close()


def test_a_path_may_be_as_long_as_the_kernel_takes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    server, identity = listen(Path("x" * LONGEST))
    server.close()
    unlink(Path("x" * LONGEST), identity)
    with pytest.raises(ConfigError, match="longer than the 107 bytes"):
        listen(Path("x" * (LONGEST + 1)))


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DeviceError, match=f"no socket can be made there: {file} is not a folder; choose another path"):
        listen(file / "events.sock")


def test_a_server_whose_thread_cannot_start_leaves_no_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As at a limit of tasks."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for serve in (
        lambda: SocketSink(tmp_path / "events.sock"),
        lambda: MetricsServer(f"{tmp_path}/metrics.sock", lambda: "", failed=lambda _: None),
    ):
        with pytest.raises(RuntimeError, match="new thread"):
            serve()
    assert list(tmp_path.iterdir()) == []

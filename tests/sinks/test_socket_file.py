"""A socket's file that is removed under its server."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from logged import logged
from patience import PATIENCE_S
from subscribing import lines, sealed

from kwsd.sinks import socket_file
from kwsd.sinks.listening import answers
from kwsd.sinks.socket import SocketSink
from kwsd.sinks.socket_file import LOOK_S, SocketFile


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """It is time to look at the file again."""
    ahead = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0])
    monkeypatch.setattr(socket_file, "time", clock)

    def later() -> None:
        ahead[0] += LOOK_S

    return later


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kwsd" / "events.sock"


@pytest.fixture
def file(path: Path) -> Iterator[SocketFile]:
    file = SocketFile(path)
    yield file
    file.remove()
    file.server.close()


def test_a_file_that_is_there_is_left_as_it_is_and_looked_at_again(
    file: SocketFile, path: Path, later: Callable[[], None]
) -> None:
    server, before = file.server, path.lstat()
    later()
    assert not file.renewed()
    assert file.server is server
    assert path.lstat() == before
    path.unlink()
    later()
    with server:
        assert file.renewed()


@pytest.mark.parametrize("with_its_folder", [False, True])
def test_a_file_that_is_removed_is_made_again_when_it_is_time_to_look(
    file: SocketFile, path: Path, later: Callable[[], None], caplog: pytest.LogCaptureFixture, *, with_its_folder: bool
) -> None:
    for _ in range(2):
        shutil.rmtree(path.parent) if with_its_folder else path.unlink()
        assert not file.renewed()
        later()
        with file.server:
            assert file.renewed()
        assert answers(path)
        assert path.lstat().st_mode & 0o777 == 0o600
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: the socket was removed, and is made again"
    ] * 2
    file.remove()
    assert not path.exists()


def test_another_daemons_socket_in_its_place_is_left_alone(
    file: SocketFile, path: Path, later: Callable[[], None]
) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        later()
        assert not file.renewed()
        file.remove()
        assert path.is_socket()


def test_one_that_cannot_be_made_is_told_once_and_made_when_it_can_be(
    file: SocketFile, path: Path, later: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(path.parent)
    path.parent.symlink_to("nowhere")
    for _ in range(3):
        later()
        assert not file.renewed()
    (told,) = caplog.records
    assert "nobody can connect until it can be made again" in told.getMessage()
    assert f"{path.parent} is not a folder" in told.getMessage()
    path.parent.unlink()
    later()
    with file.server:
        assert file.renewed()
    assert answers(path)
    shutil.rmtree(path.parent)
    path.parent.symlink_to("nowhere")
    later()
    assert not file.renewed()
    assert caplog.text.count("nobody can connect") == 2


def test_subscribers_stay_and_new_ones_can_connect(
    later: Callable[[], None], sink: SocketSink, subscribe: Callable[[], socket.socket]
) -> None:
    before = subscribe()
    sink.path.unlink()
    later()
    sink.send(sealed(1))  # wakes it
    assert lines(before, 1) == [1]
    after = subscribe()
    sink.send(sealed(2))
    assert lines(before, 1) == lines(after, 1) == [2]


def test_the_file_is_looked_at_though_nothing_else_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = logged(socket_file.log, monkeypatch)
    monkeypatch.setattr(socket_file, "LOOK_S", 0.01)
    sink = SocketSink(tmp_path / "events.sock")
    try:
        sink.path.unlink()
        assert made.wait(PATIENCE_S)
        assert answers(sink.path)
    finally:
        sink.close(0)
    assert not sink.path.exists()


def test_a_mount_that_hangs_keeps_no_event_from_subscribers(
    later: Callable[[], None],
    sink: SocketSink,
    subscribe: Callable[[], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back, looks, looked = threading.Event(), list[Path](), threading.Event()
    look = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if path == sink.path:
            looks.append(path)
            assert back.wait(PATIENCE_S)
            looked.set()
        return look(path)

    client = subscribe()
    monkeypatch.setattr(Path, "lstat", lstat)
    for sequence in (1, 2, 3):
        later()
        sink.send(sealed(sequence))
        assert lines(client, 1) == [sequence]
    assert len(looks) == 1  # the others wait for its answer
    back.set()
    assert looked.wait(PATIENCE_S)


def test_a_mount_that_hangs_does_not_keep_the_daemon_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    back, removed = threading.Event(), threading.Event()

    def remove(_: SocketFile) -> None:
        assert back.wait(PATIENCE_S)
        removed.set()

    monkeypatch.setattr(SocketFile, "remove", remove)
    monkeypatch.setattr("kwsd.sinks.socket.HANGS_S", 0.01)
    sink = SocketSink(tmp_path / "events.sock")
    sink.close(0)
    assert "the socket is not removed: is it on a mount that is gone?" in caplog.text
    assert not removed.is_set()
    back.set()
    sink.close(PATIENCE_S)
    assert removed.is_set()

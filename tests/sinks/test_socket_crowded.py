"""Subscribers at the socket where there is no room for one more, or no descriptor."""

from __future__ import annotations

import errno
import os
import queue
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from busy_socket import ANSWER, busy_socket
from patience import PATIENCE_S
from subscribing import lines, sealed

from kwsd.sinks import acceptor
from kwsd.sinks.socket import SocketSink


def test_more_subscribers_than_there_is_room_for_are_turned_away(
    sink: SocketSink,
    subscribe: Callable[[], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sink, "_room", 1)
    subscribe()
    for _ in range(3):
        assert subscribe().recv(1) == b""
    assert caplog.text.count("turned away") == 1


def test_who_comes_as_another_leaves_gets_its_place(
    sink: SocketSink, subscribe: Callable[[], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "_room", 1)
    for sequence in range(1, 51):
        client = subscribe()
        sink.send(sealed(sequence))
        assert lines(client, 1) == [sequence]
        client.close()


def test_who_comes_is_not_taken_for_those_who_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with busy_socket(tmp_path / "events.sock") as busy, ExitStack() as stack:
        sink = busy.sink
        monkeypatch.setattr(sink, "_room", 3)
        clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(5)]
        asking, *leaving = clients[:3]
        for client in clients:
            client.settimeout(PATIENCE_S)
        for client in clients[:3]:
            client.connect(str(sink.path))
        sink.send(sealed(1))
        for client in clients[:3]:
            assert lines(client, 1) == [1]
        busy.occupy(asking)
        for client in leaving:
            client.shutdown(socket.SHUT_RDWR)  # its descriptor here stays taken: the next free ones are the sink's
        for client in clients[3:]:
            client.connect(str(sink.path))
        busy.go_on()
        assert asking.recv(100) == ANSWER
        sink.send(sealed(2))
        for client in clients[3:]:
            assert lines(client, 1) == [2]


def test_where_the_last_descriptor_is_taken_the_newest_subscriber_gives_up_its_own(
    sink: SocketSink,
    subscribe: Callable[[], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    oldest, newest = subscribe(), subscribe()
    sink.send(sealed(1))
    assert lines(oldest, 1) == lines(newest, 1) == [1]
    opening, serving = os.open, sink._clients

    def exhausted(path: str, flags: int) -> int:
        if path == os.devnull and len(serving) == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opening(path, flags)

    monkeypatch.setattr(acceptor.os, "open", exhausted)
    kept, sink._acceptor.spare = sink._acceptor.spare, None  # as if another thread had been faster than the sink
    assert kept is not None
    os.close(kept)
    sink.send(sealed(2))
    assert lines(oldest, 1) == [2]
    while newest.recv(4096):
        """It may have had the second event before."""
    sink.send(sealed(3))
    assert lines(oldest, 1) == [3]
    assert "no file descriptor is left" in caplog.text


def test_where_the_whole_system_has_no_descriptor_all_subscribers_keep_theirs(
    sink: SocketSink, subscribe: Callable[[], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = subscribe(), subscribe()

    def exhausted(*_: object) -> int:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    with monkeypatch.context() as patched:
        patched.setattr(acceptor.os, "open", exhausted)
        kept, sink._acceptor.spare = sink._acceptor.spare, None
        assert kept is not None
        os.close(kept)
        for number in (1, 2):
            sink.send(sealed(number))
            assert [lines(client, 1) for client in both] == [[number], [number]]


def test_where_no_descriptor_is_left_each_who_comes_is_turned_away(tmp_path: Path) -> None:
    with ExitStack() as stack:
        listening, *clients = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(3))
        listening.bind(str(tmp_path / "events.sock"))
        listening.listen()
        for client in clients:
            client.connect(str(tmp_path / "events.sock"))
        for end in (listening, *clients):
            end.setblocking(False)

        def accept() -> tuple[socket.socket, object]:
            if accepting.spare is not None:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return listening.accept()

        server: Any = SimpleNamespace(accept=accept)
        accepting = acceptor.Acceptor(server, tmp_path, drop_newest=lambda: False)
        stack.callback(accepting.close)
        assert list(accepting.knocking()) == []
        assert [client.recv(1) for client in clients] == [b"", b""]
        assert accepting.spare is not None
        os.fstat(accepting.spare)  # it is open


def test_once_there_was_room_again_who_is_turned_away_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts: queue.SimpleQueue[int] = queue.SimpleQueue()
    sink = SocketSink(tmp_path / "events.sock", counted=counts.put)
    monkeypatch.setattr(sink, "_room", 2)
    try:
        for turn in (1, 2):
            with ExitStack() as stack:
                clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(4)]
                for client in clients:
                    client.settimeout(PATIENCE_S)
                    client.connect(str(sink.path))
                assert [client.recv(1) for client in clients[2:]] == [b"", b""]
                assert caplog.text.count("turned away") == turn
            while counts.get(timeout=PATIENCE_S):
                """The sink has not heard yet that all have left."""
    finally:
        sink.close(0)

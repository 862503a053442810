"""Subscribers at the socket: many, slow, mute, talkative, gone."""

from __future__ import annotations

import json
import os
import queue
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from busy_socket import busy_socket
from patience import PATIENCE_S
from subscribing import lines, sealed

from kwsd.sinks.socket import INBOX, SocketSink


def test_every_subscriber_gets_every_event(sink: SocketSink, subscribe: Callable[[], socket.socket]) -> None:
    clients = [subscribe() for _ in range(3)]
    for sequence in range(1, 6):
        sink.send(sealed(sequence))
    for client in clients:
        assert lines(client, 5) == [1, 2, 3, 4, 5]


def test_a_subscriber_that_does_not_read_is_dropped_and_the_others_notice_nothing(
    sink: SocketSink, subscribe: Callable[[], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    slow, quick = subscribe(), subscribe()
    sequence = 0
    while "does not keep up" not in caplog.text:
        assert sequence < 100_000
        sequence += 1
        sink.send(sealed(sequence))
        assert lines(quick, 1) == [sequence]
    assert caplog.text.count("a subscriber is dropped") == 1
    rest = b""
    while data := slow.recv(65_536):  # what the kernel had for it, then the end
        rest += data
    assert rest.count(b"\n") < sequence


def test_who_connects_before_an_event_is_sent_gets_it_while_others_are_told_of_the_last(
    sink: SocketSink, subscribe: Callable[[], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
    events = iter([2])

    def meanwhile() -> bool:
        for sequence in events:
            clients.put(subscribe())
            sink.send(sealed(sequence))
        return False

    monkeypatch.setattr(sink._file, "renewed", meanwhile)  # connections have been accepted by then
    sink.send(sealed(1))
    assert lines(clients.get(timeout=PATIENCE_S), 2) == [1, 2]


def test_who_has_told_all_is_not_kept_awake(
    sink: SocketSink, subscribe: Callable[[], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "_status", lambda: b"{}\n")
    client = subscribe()
    sink.send(sealed(1))
    assert lines(client, 1) == [1]
    client.sendall(b"status\n")
    assert client.recv(3) == b"{}\n"  # it has looked anew since it was woken
    assert select.select([sink._waker], [], [], 0)[0] == []


def test_what_subscribers_send_is_ignored(sink: SocketSink, subscribe: Callable[[], socket.socket]) -> None:
    client = subscribe()
    client.sendall(b"hello\n" * 100)
    sink.send(sealed(9))
    assert lines(client, 1) == [9]


def test_a_subscriber_that_talks_on_is_dropped(
    subscribe: Callable[[], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    client = subscribe()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        client.sendall(b"x" * 10_000_000)
    assert "it sent too much; a subscriber may only ask for the status" in caplog.text


def test_a_subscriber_may_close_its_writing_end(sink: SocketSink, subscribe: Callable[[], socket.socket]) -> None:
    client = subscribe()
    client.shutdown(socket.SHUT_WR)
    for sequence in (1, 2):
        sink.send(sealed(sequence))
        assert lines(client, 1) == [sequence]


def test_a_subscriber_that_leaves_leaves_nothing_behind(
    sink: SocketSink, subscribe: Callable[[], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    stays = subscribe()
    sink.send(sealed(1))
    lines(stays, 1)
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all it takes
    for _ in range(3):
        client = subscribe()
        sink.send(sealed(2))
        assert lines(stays, 1) == lines(client, 1)
        client.close()
    while len(os.listdir("/proc/self/fd")) > descriptors:  # noqa: PTH208 - as above
        sink.send(sealed(1))
        lines(stays, 1)
    assert caplog.text == ""


def test_who_asks_often_at_once_is_answered_as_often(tmp_path: Path) -> None:
    answer = b"x" * 2000 + b"\n"
    sink = SocketSink(tmp_path / "events.sock", status=lambda: answer)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(sink.path))
            client.sendall(b"status\n" * 900 + b"status\r\n")
            with client.makefile("rb") as answers:
                assert [answers.readline() for _ in range(901)] == [answer] * 901
    finally:
        sink.close(0)


def test_a_long_answer_is_no_reason_to_drop_who_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As that of a model with thousands of words, each of which has been heard."""
    answer = b"x" * 500_000 + b"\n"
    sink = SocketSink(tmp_path / "events.sock", status=lambda: answer)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(sink.path))
            client.sendall(b"status\nstatus\n")
            with client.makefile("rb") as answers:
                assert [answers.readline() for _ in range(2)] == [answer] * 2
    finally:
        sink.close(0)
    assert caplog.text == ""


def test_a_name_that_is_not_utf8_is_still_json(sink: SocketSink, subscribe: Callable[[], socket.socket]) -> None:
    client = subscribe()
    sink.send(sealed(3, stream="caf\udce9"))
    assert lines(client, 1) == [3]


def test_closing_brings_the_last_events_out_and_removes_the_socket(
    sink: SocketSink, subscribe: Callable[[], socket.socket]
) -> None:
    client = subscribe()
    sink.send(sealed(1))
    sink.send(sealed(2))
    sink.close(PATIENCE_S)
    assert lines(client, 2) == [1, 2]
    assert client.recv(1) == b""
    assert not sink.path.exists()
    assert "kwsd-socket" not in {thread.name for thread in threading.enumerate()}
    sink.send(sealed(3))  # into the void
    sink.close(0)


def test_closing_does_not_wait_for_a_subscriber_that_does_not_read(
    sink: SocketSink, subscribe: Callable[[], socket.socket]
) -> None:
    subscribe()
    for sequence in range(200):
        sink.send(sealed(sequence, stream="x" * 1000))
    sink.close(0.05)
    assert not sink.path.exists()


def test_a_thread_that_gets_no_processor_until_the_deadline_sends_what_it_can_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, finished = threading.Event(), SocketSink._finished
    monkeypatch.setattr(SocketSink, "_finished", lambda sink: runs.wait(PATIENCE_S) and finished(sink))
    sink = SocketSink(tmp_path / "events.sock")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(sink.path))
        sink.send(sealed(1))
        sink._deadline = 0.0
        runs.set()
        assert lines(client, 1) == [1]
    sink.close(0)


def test_a_failing_thread_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    def fail(_: SocketSink) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(SocketSink, "_take_in", fail)
    sink = SocketSink(tmp_path / "events.sock", failed=failures.put)
    sink.send(sealed())
    assert isinstance(failures.get(timeout=PATIENCE_S), OSError)
    sink.close(0)
    assert not sink.path.exists()


def test_a_socket_that_was_handed_over_is_served_and_left_behind(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    path = tmp_path / "given.sock"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen()
        server.setblocking(False)
        sink = SocketSink(tmp_path / "other.sock", failed=failures.append, given=server.dup())
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        sink.send(sealed())
        assert json.loads(client.makefile().readline())["word"] == "stop"
        sink.close(0)
    assert path.exists()  # it belongs to whoever made it
    assert not (tmp_path / "other.sock").exists()
    assert failures == []


def test_who_leaves_is_not_counted_any_more(tmp_path: Path) -> None:
    counts: queue.SimpleQueue[int] = queue.SimpleQueue()
    sink = SocketSink(tmp_path / "events.sock", counted=counts.put)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(sink.path))
            assert counts.get(timeout=PATIENCE_S) == 1
        assert counts.get(timeout=PATIENCE_S) == 0
    finally:
        sink.close(0)


def test_no_more_events_gather_than_have_room_while_the_thread_does_not_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with busy_socket(tmp_path / "events.sock") as busy, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(busy.sink.path))
        busy.occupy(client)
        for number in range(INBOX + 1):
            busy.sink.send(sealed(number))
        assert caplog.text.count("is dropped") == 1
        assert f"event {INBOX} is dropped, the socket's thread does not run" in caplog.text

"""Clients of the page of figures that are slow, silent or gone: they hold up nobody."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from scraping import get

from kwsd.daemon import http_request, metrics_server
from kwsd.daemon.metrics_server import MetricsServer


class Door:
    """A server's socket whose `accept`, or whose clients, fail as they are told to."""

    def __init__(self, server: socket.socket, *, accepting: list[int], reading: list[int]) -> None:
        self._server, self._accepting, self._reading = server, accepting, reading

    def accept(self) -> tuple[Any, Any]:
        if self._accepting:
            raise OSError(self._accepting.pop(), "as told")
        client, address = self._server.accept()
        if self._reading:
            return Unreachable(client, self._reading.pop()), address
        return client, address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


class Unreachable(contextlib.nullcontext[Any]):
    """A client whose network went away as it had asked."""

    def __init__(self, client: socket.socket, number: int) -> None:
        super().__init__(self)
        self._client, self._number = client, number

    def fileno(self) -> int:
        return self._client.fileno()

    def recv(self, _: int) -> bytes:
        self._client.close()
        raise OSError(self._number, "as told")


def test_no_descriptor_and_no_route_end_one_answer_and_not_the_daemon(
    serve: Callable[[str], MetricsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "CROWDED_S", 0.01)
    server = serve("0")
    accepting, reading = [errno.EMFILE, errno.ENFILE, errno.ECONNABORTED], [errno.EHOSTUNREACH]
    server._server = Door(server._server, accepting=accepting, reading=reading)  # type: ignore[assignment]  # a stand-in
    port = int(server.address.rpartition(":")[2].partition("/")[0])
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        get("/metrics", port)
    assert get("/metrics", port) == (200, "kwsd_up 1\n")
    assert accepting == reading == []


@pytest.mark.parametrize("request_", [b"", b"GET", b"\0" * 10_000, b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 9000])
def test_clients_that_say_nothing_or_too_much_hold_up_nobody_for_long(
    serve: Callable[[str], MetricsServer], tmp_path: Path, request_: bytes
) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))
    with socket.socket(socket.AF_UNIX) as rude, socket.socket(socket.AF_UNIX) as polite:
        rude.connect(str(path))
        rude.sendall(request_)
        polite.settimeout(PATIENCE_S)
        polite.connect(str(path))
        polite.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert polite.makefile("rb").read().endswith(b"kwsd_up 1\n")


def test_who_says_nothing_is_not_waited_for_while_others_wait(
    serve: Callable[[str], MetricsServer], tmp_path: Path
) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))
    with contextlib.ExitStack() as stack:
        *silent, polite = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(10)]
        for client in silent:
            client.connect(str(path))
        polite.settimeout(PATIENCE_S)
        polite.connect(str(path))
        polite.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert polite.makefile("rb").read().endswith(b"kwsd_up 1\n")


def test_a_port_lets_nobody_in_who_says_nothing(
    serve: Callable[[str], MetricsServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_request, "REQUEST_S", 2 * PATIENCE_S)
    monkeypatch.setattr(http_request, "SILENT_S", 2 * PATIENCE_S)
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
        assert get("/metrics", port) == (200, "kwsd_up 1\n")


def test_all_that_a_client_does_is_within_one_time() -> None:
    """What it took for its request is not there for what it says after the answer."""
    near, far = socket.socketpair()
    door, nobody = socket.socketpair()
    with near, far, door, nobody:
        far.sendall(b"GET / HTTP/1.0\r\n\r\nand more")
        late = time.monotonic() - http_request.REQUEST_S
        with pytest.raises(TimeoutError):
            http_request.hear_out(near, door, late)
        with pytest.raises(TimeoutError):
            http_request.read_request(near, door, late)
        assert http_request.read_request(near, door, time.monotonic() + PATIENCE_S).startswith(b"GET / ")


class Crowded:
    """A server's socket that can take in nobody, for there is no descriptor left."""

    def __init__(self, server: socket.socket) -> None:
        self._server, self.times, self.asked = server, 0, threading.Event()

    def accept(self) -> tuple[Any, Any]:
        self.times += 1
        self.asked.set()
        raise OSError(errno.EMFILE, "as told")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


def test_without_a_descriptor_it_does_not_ask_again_at_once(
    serve: Callable[[str], MetricsServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits at the door is told of for as long as nobody takes them in."""
    monkeypatch.setattr(metrics_server, "CROWDED_S", PATIENCE_S)
    path = tmp_path / "metrics.sock"
    server = serve(str(path))
    crowded = Crowded(server._server)
    server._server = crowded  # type: ignore[assignment]  # a stand-in
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert crowded.asked.wait(PATIENCE_S)
        threading.Event().wait(0.1)  # in which it might ask thousands of times
        assert crowded.times == 1

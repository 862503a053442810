"""A request is read within limits, whatever a client sends."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator

import pytest

from kwsd.daemon import http_request
from kwsd.daemon.http_request import REQUEST_BYTES, header, hear_out, names_this_machine, read_request

Pair = tuple[socket.socket, socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A client, the server's end of its connection, and a listening socket at which nobody waits."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("")
        door.listen()
        client, server = socket.socketpair()
        with client, server:
            yield client, server, door


def test_a_request_without_end_is_read_no_further_than_its_limit(pair: Pair) -> None:
    client, server, door = pair
    client.sendall(b"GET / HTTP/1.1\r\nX: " + 4 * REQUEST_BYTES * b"x")
    assert REQUEST_BYTES <= len(read_request(server, door, time.monotonic())) < 2 * REQUEST_BYTES


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n"])
def test_a_request_ends_with_an_empty_line_though_the_client_stays(pair: Pair, end: bytes) -> None:
    client, server, door = pair
    client.sendall(b"GET /metrics HTTP/1.0" + end)
    assert read_request(server, door, time.monotonic()) == b"GET /metrics HTTP/1.0" + end


def test_what_follows_a_request_is_not_heard_out_without_end(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    client, server, door = pair
    monkeypatch.setattr(http_request, "_REST_BYTES", 20_000)
    client.sendall(50_000 * b"x")
    hear_out(server, door, time.monotonic())
    assert len(server.recv(100_000)) > 20_000  # and nobody waited for the client


def test_there_is_time_for_an_answer_to_a_request_that_ends_at_the_last_moment(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, server, door = pair
    client.sendall(b"GET / HTTP/1.0\n\n")
    monkeypatch.setattr(http_request, "REQUEST_S", 1.0)
    clock = itertools.chain([0.9], itertools.repeat(1.1))
    monkeypatch.setattr(http_request.time, "monotonic", lambda: next(clock))
    read_request(server, door, 0.0)
    assert server.gettimeout() == pytest.approx(0.05)


@pytest.mark.parametrize("name", [b"Host", b"HOST", b"host "])
def test_a_headers_name_may_be_written_in_any_case(name: bytes) -> None:
    assert header(b"GET / HTTP/1.1\r\nA: b\r\n" + name + b": there \r\n\r\n", b"Host") == b"there"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        (b"localhost", True), (b"LocalHost:9", True), (b"a.localhost", True), (b"127.0.0.1:9", True),
        (b"[::1]:9", True), (b"evillocalhost", False), (b"localhost.evil.org", False), (b"127.0.0.1.evil.org", False),
        (b"[evil.org]", False),
    ],
)  # fmt: skip
def test_only_an_address_or_localhost_names_this_machine(host: bytes, ours: bool) -> None:
    assert names_this_machine(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") is ours

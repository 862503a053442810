"""Who is served the page of figures, and who is not."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.daemon import http_request, scrape
from kwsd.daemon.scrape import ScrapeServer
from kwsd.errors import ConfigError, DeviceError


@pytest.fixture
def serve() -> Iterator[Callable[[str], ScrapeServer]]:
    """Serves a page; the thread's failures fail the test."""
    failures: list[BaseException] = []
    servers: list[ScrapeServer] = []

    def make(where: str) -> ScrapeServer:
        servers.append(ScrapeServer(where, lambda: "kwsd_up 1\n", failed=failures.append))
        return servers[-1]

    yield make
    for server in servers:
        server.close()
    assert failures == []


def get(path: str, port: int, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_port_of_this_machine_is_served(serve: Callable[[str], ScrapeServer]) -> None:
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    assert get("/metrics", port) == (200, "kwsd_up 1\n")
    assert get("/metrics", port, "HEAD") == (200, "")
    assert get("/etc/passwd", port)[0] == 404
    assert get("/metrics", port, "POST")[0] == 405


@pytest.mark.parametrize("target", ["http://127.0.0.1:9464/metrics", "HTTP://[::1]/metrics?x=1", "/metrics?a://b"])
def test_the_page_is_asked_for_by_its_whole_address_as_well(serve: Callable[[str], ScrapeServer], target: str) -> None:
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    assert get(target, port) == (200, "kwsd_up 1\n")
    assert get("http://127.0.0.1:9464/etc/passwd", port)[0] == 404


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nCookie: " + b"y" * 100_000 + b"\r\n\r\n", b"200 OK"),
        (b"GET /metrics HTTP/1.1\r\n\r\n" * 4000, b"200 OK"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000, b"405 Method Not Allowed"),
    ],
)
def test_who_sends_more_than_is_read_gets_the_answer_all_the_same(
    serve: Callable[[str], ScrapeServer], tmp_path: Path, request_: bytes, status: bytes
) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        client.sendall(request_)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.0 " + status)
    assert (b"\r\nAllow: GET, HEAD\r\n" in answer) == (b"405" in status)


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
    serve: Callable[[str], ScrapeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "CROWDED_S", 0.01)
    server = serve("0")
    accepting, reading = [errno.EMFILE, errno.ENFILE, errno.ECONNABORTED], [errno.EHOSTUNREACH]
    server._server = Door(server._server, accepting=accepting, reading=reading)  # type: ignore[assignment]  # a stand-in
    port = int(server.address.rpartition(":")[2].partition("/")[0])
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        get("/metrics", port)
    assert get("/metrics", port) == (200, "kwsd_up 1\n")
    assert accepting == reading == []


def test_a_socket_is_served_to_its_owner_and_goes_with_the_server(
    serve: Callable[[str], ScrapeServer], tmp_path: Path
) -> None:
    path = tmp_path / "metrics.sock"
    server = serve(str(path))
    assert server.address == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"\r\n\r\nkwsd_up 1\n")


@pytest.mark.parametrize("request_", [b"", b"GET", b"\0" * 10_000, b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 9000])
def test_clients_that_say_nothing_or_too_much_hold_up_nobody_for_long(
    serve: Callable[[str], ScrapeServer], tmp_path: Path, request_: bytes
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
    serve: Callable[[str], ScrapeServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_request, "REQUEST_S", 600.0)
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
    serve: Callable[[str], ScrapeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_request, "REQUEST_S", 2 * PATIENCE_S)
    monkeypatch.setattr(http_request, "SILENT_S", 2 * PATIENCE_S)
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
        assert get("/metrics", port) == (200, "kwsd_up 1\n")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9464", 200), ("[::1]:9464", 200), ("::1", 421), ("LocalHost", 200), ("kwsd.localhost:80", 200),
        ("", 200), ("evil.example", 421), ("127.0.0.1.evil.example:9464", 421), ("localhost.evil.example", 421),
        ("[::1", 200), ("\xff", 421),
    ],
)  # fmt: skip
def test_a_name_that_was_led_here_is_not_served(serve: Callable[[str], ScrapeServer], host: str, status: int) -> None:
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
        client.sendall(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
        assert client.makefile("rb").readline().split()[1] == str(status).encode()


TOKEN = b"0123456789abcdef"


def ask(port: int, *head: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.putrequest("GET", "/metrics")
    for line in head:
        name, _, value = line.partition(": ")
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_other_machines_are_served_where_it_is_asked_for_twice_and_with_the_token_alone() -> None:
    failures: list[BaseException] = []
    for public, token in ((True, b""), (False, TOKEN)):
        with pytest.raises(ConfigError, match=r"public = true.*token_file"):
            ScrapeServer("0.0.0.0:0", str, failed=failures.append, public=public, token=token)
    server = ScrapeServer("0.0.0.0:0", lambda: "kwsd_up 1\n", failed=failures.append, public=True, token=TOKEN)
    try:
        port = int(server.address.rpartition(":")[2].partition("/")[0])
        right = f"Bearer {TOKEN.decode()}"
        assert ask(port, f"Authorization: {right}") == 200
        assert ask(port, "Accept: */*", f"authorization: bearer  {TOKEN.decode()}") == 200
        assert ask(port) == 401
        for wrong in (right[:-1], right + "0", "Bearer", "Bearer ", f"Basic {TOKEN.decode()}", TOKEN.decode(), "é"):
            assert ask(port, f"Authorization: {wrong}") == 401
        assert ask(port, "Authorization: Bearer wrong", f"Authorization: {right}") == 401
    finally:
        server.close()
    assert failures == []


@pytest.mark.parametrize("where", ["0.0.0.0:9464", "192.168.1.2:9464", "[::]:9464"])
def test_other_machines_are_not_served(where: str) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.listen is"):
        ScrapeServer(where, str, failed=lambda _: None)


def test_a_port_that_is_taken_is_named(serve: Callable[[str], ScrapeServer]) -> None:
    port = serve("0").address.rpartition(":")[2].partition("/")[0]
    with pytest.raises(DeviceError, match=port):
        serve(port)


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

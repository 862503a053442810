"""Who is served the page of figures, and who is not."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from logged import logged
from patience import PATIENCE_S
from scraping import get

from kwsd.daemon import metrics_server
from kwsd.daemon.metrics_server import MetricsServer, served
from kwsd.errors import ConfigError, DeviceError
from kwsd.sinks import socket_file
from kwsd.sinks.socket_file import SocketFile


def answered(path: Path, request: bytes) -> bytes:
    """All that the socket at `path` answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        client.sendall(request)
        with client.makefile("rb") as answer:
            return answer.read()


def test_a_port_of_this_machine_is_served(serve: Callable[[str], MetricsServer]) -> None:
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    assert get("/metrics", port) == (200, "kwsd_up 1\n")
    assert get("/etc/passwd", port)[0] == 404
    assert get("/metrics", port, "POST")[0] == 405


@pytest.mark.parametrize("target", ["http://127.0.0.1:9464/metrics", "HTTP://[::1]/metrics?x=1", "/metrics?a://b"])
def test_the_page_is_asked_for_by_its_whole_address_as_well(serve: Callable[[str], MetricsServer], target: str) -> None:
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
    serve: Callable[[str], MetricsServer], tmp_path: Path, request_: bytes, status: bytes
) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))
    answer = answered(path, request_)
    assert answer.startswith(b"HTTP/1.0 " + status)
    assert (b"\r\nAllow: GET, HEAD\r\n" in answer) == (b"405" in status)


def test_a_socket_is_served_to_its_owner_and_goes_with_the_server(
    serve: Callable[[str], MetricsServer], tmp_path: Path
) -> None:
    path = tmp_path / "metrics.sock"
    server = serve(str(path))
    assert server.address == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert answered(path, b"GET /metrics HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\nkwsd_up 1\n")
    server.close()
    assert not path.exists()


def test_a_socket_whose_file_is_removed_is_made_again(
    serve: Callable[[str], MetricsServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = tmp_path / "metrics.sock", logged(socket_file.log, monkeypatch)
    monkeypatch.setattr(socket_file, "LOOK_S", 0.01)
    server = serve(str(path))
    path.unlink()
    assert made.wait(PATIENCE_S)
    assert answered(path, b"GET /metrics HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\nkwsd_up 1\n")
    server.close()
    assert not path.exists()


def test_a_mount_that_hangs_does_not_keep_the_daemon_from_its_end(
    serve: Callable[[str], MetricsServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, removed = threading.Event(), threading.Event()

    def remove(_: SocketFile) -> None:
        assert back.wait(PATIENCE_S)
        removed.set()

    monkeypatch.setattr(SocketFile, "remove", remove)
    monkeypatch.setattr(metrics_server, "REQUEST_S", 0.0)
    monkeypatch.setattr(metrics_server, "HANGS_S", 0.01)
    serve(str(tmp_path / "metrics.sock")).close()
    assert not removed.is_set()
    back.set()
    assert removed.wait(PATIENCE_S)


def test_who_asks_for_the_head_gets_no_page(serve: Callable[[str], MetricsServer], tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))
    answer = answered(path, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert answer.endswith(b"\r\nContent-Length: 10\r\n\r\n")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9464", 200), ("[::1]:9464", 200), ("::1", 421), ("LocalHost", 200), ("kwsd.localhost:80", 200),
        ("", 200), ("evil.example", 421), ("127.0.0.1.evil.example:9464", 421), ("localhost.evil.example", 421),
        ("[::1", 200), ("\xff", 421),
    ],
)  # fmt: skip
def test_a_name_that_was_led_here_is_not_served(serve: Callable[[str], MetricsServer], host: str, status: int) -> None:
    port = int(serve("0").address.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
        client.sendall(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
        assert client.makefile("rb").readline().split()[1] == str(status).encode()


TOKEN = b"0123456789abcdef"


def ask(port: int, *head: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.putrequest("GET", "/metrics", skip_host=any(line.startswith("Host: ") for line in head))
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
            MetricsServer("0.0.0.0:0", str, failed=failures.append, public=public, token=token)
    server = MetricsServer("0.0.0.0:0", lambda: "kwsd_up 1\n", failed=failures.append, public=True, token=TOKEN)
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


def test_who_bears_the_token_may_call_this_machine_what_they_like() -> None:
    failures: list[BaseException] = []
    server = MetricsServer("0", lambda: "kwsd_up 1\n", failed=failures.append, token=TOKEN)
    try:
        port = int(server.address.rpartition(":")[2].partition("/")[0])
        assert ask(port, "Host: pi.example", f"Authorization: Bearer {TOKEN.decode()}") == 200
    finally:
        server.close()
    assert failures == []


@pytest.mark.parametrize("where", ["0.0.0.0:9464", "192.168.1.2:9464", "[::]:9464"])
def test_other_machines_are_not_served(where: str) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.listen is"):
        MetricsServer(where, str, failed=lambda _: None)


def test_a_port_that_is_taken_is_named(serve: Callable[[str], MetricsServer]) -> None:
    port = serve("0").address.rpartition(":")[2].partition("/")[0]
    with pytest.raises(DeviceError, match=port):
        serve(port)


def test_a_socket_is_served_whatever_name_it_is_called(serve: Callable[[str], MetricsServer], tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))  # no browser reaches a socket, and curl --unix-socket needs some name
    assert answered(path, b"GET /metrics HTTP/1.1\r\nHost: metrics\r\n\r\n").startswith(b"HTTP/1.0 200 OK")


def test_a_body_that_comes_after_the_answer_does_not_lose_it(
    serve: Callable[[str], MetricsServer], tmp_path: Path
) -> None:
    path = tmp_path / "metrics.sock"
    serve(str(path))
    with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as answer:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        client.sendall(b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
        assert answer.readline() == b"HTTP/1.0 405 Method Not Allowed\r\n"
        while answer.read(1):  # all of it, until the server has said its last
            pass
        client.sendall(b"hello")


@pytest.mark.parametrize(("token", "page"), [(b"", "kwsd_info 1\n"), (16 * b"x", "kwsd_info 1\n"), (b"", "other 1\n")])
def test_another_kwsd_is_recognised_though_it_requires_a_token(tmp_path: Path, token: bytes, page: str) -> None:
    where = str(tmp_path / "metrics.sock")
    server = MetricsServer(where, lambda: page, failed=pytest.fail, token=token)
    assert served(where) is ("kwsd_info" in page)
    server.close()
    assert not served(where)

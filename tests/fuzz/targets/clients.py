"""What comes over the sockets: from subscribers, and from those that ask for the metrics."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from kwsd.daemon.metrics_server import MetricsServer
from kwsd.envelope import Envelope
from kwsd.events import SpeechStarted
from kwsd.sinks.socket import SocketSink
from targets.chance import spoilt
from targets.checking import Check, timed


@contextmanager
def subscribers(folder: Path) -> Iterator[Check]:
    """What a subscriber sends, piece by piece; after it all it still gets its events."""
    failures: list[BaseException] = []
    sink = SocketSink(folder / "s", failed=failures.append, status=lambda: b'{"type": "status"}\n')

    def check(said: list[bytes]) -> None:
        with timed(), socket.socket(socket.AF_UNIX) as subscriber:
            subscriber.connect(str(sink.path))
            for data in said:
                subscriber.sendall(data)
            subscriber.sendall(b"\nstatus\n")
            with subscriber.makefile("rb") as lines:
                assert json.loads(lines.readline())["type"] == "status"
                sink.send(Envelope.seal(SpeechStarted("desk", 0), 1))
                while json.loads(lines.readline())["type"] == "status":
                    pass
        assert failures == []

    try:
        yield check
    finally:
        sink.close(0)
    assert failures == []


def make_talk(random: Random) -> list[bytes]:
    pieces = (b"status\n", b"status", b"\n", b"\0", b"GET / HTTP/1.1\r\n\r\n", b'{"type": "status"}\n')
    return [
        random.choice(pieces) if random.random() < 0.5 else random.randbytes(random.randrange(300))
        for _ in range(random.randrange(6))
    ]


@contextmanager
def scrapes(folder: Path) -> Iterator[Check]:
    """What a client of the metrics sends before it says no more; it gets an answer of HTTP."""
    failures: list[BaseException] = []
    server = MetricsServer(str(folder / "m"), lambda: "kwsd_up 1\n", failed=failures.append, token=b"abc")

    def check(request: bytes) -> None:
        with timed(), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "m"))
            with suppress(BrokenPipeError):  # this thread got no processor for the second that the server waits
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answer:
                assert answer.readline().startswith(b"HTTP/1.0 ")
        assert failures == []

    try:
        yield check
    finally:
        server.close()
    assert failures == []


REQUEST = b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost:9464\r\nAuthorization: Bearer abc\r\nAccept: */*\r\n\r\n"


def make_request(random: Random) -> bytes:
    return spoilt(REQUEST, random, len(REQUEST))

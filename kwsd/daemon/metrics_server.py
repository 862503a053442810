"""Serves metrics to Prometheus over HTTP, at a Unix socket of mode 0600 or a TCP port.

A port is for this machine alone, unless it is configured to be public.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from kwsd.config import expanded
from kwsd.config.addresses import parse_address
from kwsd.daemon.exposition import CONTENT_TYPE
from kwsd.daemon.http_request import DEFER_S, REQUEST_S, hear_out, names_this_machine, path_of, read_request
from kwsd.daemon.metrics_token import bears
from kwsd.errors import ConfigError, DeviceError
from kwsd.sinks.listening import CROWDED_S, EXHAUSTED
from kwsd.sinks.socket_file import HANGS_S, SocketFile
from kwsd.waker import Waker, time_out

log = logging.getLogger(__name__)

_NO_TOKEN = "only with the token\n"
_OTHER_NAME = "requests for a host name other than localhost need a token (metrics.token_file)\n"
_ANSWER_BYTES = 1 << 16
_SILENT = "if it is kwsd, see its log and restart it; otherwise choose another place with --metrics"


class MetricsServer:
    """A server whose one thread answers clients one by one, each within `REQUEST_S` seconds, less if others wait."""

    def __init__(
        self,
        where: str,
        page: Callable[[], str],
        *,
        failed: Callable[[BaseException], None],
        public: bool = False,
        token: bytes = b"",
    ) -> None:
        """Listen at `where`: a path, a port, or an address with a port. With a `token`, clients have to send it.

        `page` makes the page; `failed` is called with the error if the thread dies. Raises ConfigError for an address
        that other machines reach, unless it is `public` and has a token, and for a path that is too long, and
        DeviceError where it cannot listen.
        """
        self._page, self._failed, self._token = page, failed, token
        self._file: SocketFile | None = None
        if "/" in where:
            self._file = SocketFile(expanded(where), flag="--metrics")
            self._server = self._file.server
        else:
            self._server = _listen(where, public=public and len(token) > 0)
        self._server.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="kwsd-metrics", daemon=True)
        with contextlib.ExitStack() as undo:
            undo.callback(self._server.close)
            if self._file:
                undo.callback(self._file.remove)
            self._waker = undo.enter_context(contextlib.closing(Waker()))
            self._thread.start()
            undo.pop_all()  # the thread does the same at its end

    @property
    def address(self) -> str:
        """The URL or the socket's path at which it listens."""
        name = self._server.getsockname()
        if isinstance(name, str):
            return name
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"http://{host}:{name[1]}/metrics"

    def adopt(self, token: bytes) -> None:
        """Require this token from the next request on."""
        self._token = token

    def close(self) -> None:
        """Stop, and remove the socket; waits for a client that is being answered, for its `REQUEST_S` at most.

        A thread that hangs, as the socket's file lies on a mount that is gone, is left behind.
        """
        self._waker.wake()
        self._thread.join(REQUEST_S + HANGS_S)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._server, select.POLLIN)
        poll.register(self._waker, select.POLLIN)
        try:
            while self._waker.fileno() not in {descriptor for descriptor, _ in poll.poll(self._time_out())}:
                self._answer_one()
                if self._file and self._file.renewed():
                    poll.unregister(self._server)
                    self._server.close()
                    self._server = self._file.server
                    poll.register(self._server, select.POLLIN)
        except BaseException as error:
            self._failed(error)
        finally:
            if self._file:
                self._file.remove()
            self._server.close()
            self._waker.close()

    def _time_out(self) -> int | None:
        return time_out(self._file.due - time.monotonic()) if self._file else None

    def _answer_one(self) -> None:
        """Accept and answer one client; a client or a network that fails affects only that client."""
        try:
            client, _ = self._server.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:  # else poll(2) would return at once, again and again
                self._waker.wait(CROWDED_S)
            return
        with client, contextlib.suppress(OSError):
            self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        began = time.monotonic()
        request = read_request(client, self._server, began)
        method, _, rest = request.partition(b" ")
        path, allowed = path_of(rest.split(b" ")[0]), method in (b"GET", b"HEAD")
        if not allowed:
            status, body = "405 Method Not Allowed\r\nAllow: GET, HEAD", "only GET\n"
        elif self._token and not bears(request, self._token):
            status, body = "401 Unauthorized\r\nWWW-Authenticate: Bearer", _NO_TOKEN
        elif not self._token and self._file is None and not names_this_machine(request):
            status, body = "421 Misdirected Request", _OTHER_NAME
        elif path not in (b"/metrics", b"/"):
            status, body = "404 Not Found", "see /metrics\n"
        else:
            status, body = "200 OK", self._page()
        data = body.encode()
        head = f"HTTP/1.0 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        client.sendall(head + (b"" if method == b"HEAD" else data))
        if not allowed or not request.endswith((b"\r\n\r\n", b"\n\n")):
            hear_out(client, self._server, began)


def served(where: str) -> bool:
    """Whether a kwsd answers at `where` already, even if only to require a token.

    Raises DeviceError if a server accepts the connection but sends nothing.
    """
    place: str | tuple[str, int]
    if "/" in where:
        family, place = socket.AF_UNIX, os.fspath(expanded(where))
    else:
        family, place = parse_address(where)
    answer, connected = b"", False
    with socket.socket(family) as asking, contextlib.suppress(OSError):
        asking.settimeout(REQUEST_S)
        asking.connect(place)
        connected = True
        asking.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        deadline = time.monotonic() + REQUEST_S
        while len(answer) < _ANSWER_BYTES and time.monotonic() < deadline and (data := asking.recv(4096)):
            answer += data
    if connected and not answer:
        raise DeviceError(f"{where}: a program listens there, but does not answer;", _SILENT)
    return b"kwsd_info" in answer or _NO_TOKEN.encode() in answer


def _listen(where: str, *, public: bool) -> socket.socket:
    family, place = parse_address(where)
    if not ipaddress.ip_address(place[0]).is_loopback and not public:
        raise ConfigError(
            f"metrics.listen is {where!r}, which other machines can reach",
            "set `public = true` and a `token_file` in [metrics] as well, or listen at 127.0.0.1 behind a proxy",
        )
    server = socket.socket(family)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_S)
        server.bind(place)
        server.listen(128)
    except OSError as error:
        server.close()
        raise DeviceError(f"metrics.listen is {where!r}: {error.strerror};", "choose another with --metrics") from error
    return server

"""Reads HTTP requests of the metrics server's clients, within limits of size and time."""

from __future__ import annotations

import ipaddress
import select
import socket
import time
from collections.abc import Iterator

REQUEST_BYTES = 8192
REQUEST_S = 1.0
"""How many bytes of a request are read, and how long a client may take from its connection to its end."""
CROWDED_REQUEST_S, SILENT_S = 0.05, 0.02
"""How long a client may take to send while others wait to be accepted: in all, and on a port until its first byte."""
DEFER_S = 10
"""Seconds for which the kernel holds back a connection to a port that has sent nothing yet (TCP_DEFER_ACCEPT, tcp(7)),
so that it does not occupy the queue."""

_LEAST_S = 0.05
"""Seconds for the answer even to a request that came late; it usually goes at once."""
_REST_BYTES = 1 << 20
"""Most bytes that are read and dropped after a request."""


def read_request(client: socket.socket, door: socket.socket, began: float) -> bytes:
    """The client's request up to its empty line, or up to the first `REQUEST_BYTES` bytes or so.

    `began` is the time.monotonic() at which the client was accepted. Raises TimeoutError when its time is over, which
    is sooner while others wait at the listening socket `door`, and OSError if the client is gone.
    """
    request = b""
    for data in _sent(client, door, began, deferred=door.family != socket.AF_UNIX):
        request += data
        if b"\r\n\r\n" in request or b"\n\n" in request or len(request) >= REQUEST_BYTES:
            break
    client.settimeout(max(_LEAST_S, began + REQUEST_S - time.monotonic()))  # for the answer
    return request


def path_of(target: bytes) -> bytes:
    """The path of a request target without its query; the target may be a URL, as for a proxy (RFC 9112, 3.2.2)."""
    scheme, apart, rest = target.partition(b"://")
    if apart and scheme.lower() in (b"http", b"https"):
        target = b"/" + rest.partition(b"/")[2]
    return target.split(b"?")[0]


def header(request: bytes, name: bytes) -> bytes | None:
    """The value of the first header with that name, whatever its case; None if there is none."""
    for line in request.split(b"\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name.lower():
            return value.strip()
    return None


def names_this_machine(request: bytes) -> bool:
    """Whether the Host header (RFC 9112, 3.2) names an IP address or localhost, or is missing.

    This stops DNS rebinding: where a foreign web page has made its own name resolve to this machine, the browser sends
    that name.
    """
    host = (header(request, b"host") or b"localhost").decode("latin-1").lower()
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return bare == "localhost" or bare.endswith(".localhost")
    return True


def hear_out(client: socket.socket, door: socket.socket, began: float) -> None:
    """Read and drop what the client still sends, until it hangs up or has sent `_REST_BYTES`.

    Closing earlier would reset the connection, and might lose the answer (RFC 9112, 9.6). Raises as `read_request`.
    """
    client.shutdown(socket.SHUT_WR)
    heard = 0
    for data in _sent(client, door, began):
        heard += len(data)
        if heard >= _REST_BYTES:
            return


def _sent(client: socket.socket, door: socket.socket, began: float, *, deferred: bool = False) -> Iterator[bytes]:
    """What the client sends, in pieces, until it hangs up.

    The time is shortest for a `deferred` client that is still silent, as it has had `DEFER_S` seconds already. Raises
    as `read_request`.
    """
    silent, crowded = deferred, False
    poll = select.poll()
    poll.register(client, select.POLLIN)
    poll.register(door, select.POLLIN)
    while True:
        left = began + _patience_s(crowded=crowded, silent=silent) - time.monotonic()
        ready = {descriptor for descriptor, _ in poll.poll(1000 * left)} if left > 0 else set()
        if not ready:
            raise TimeoutError
        if door.fileno() in ready:
            poll.unregister(door)
            crowded = True
        if client.fileno() in ready:
            if not (data := client.recv(4096)):
                return
            silent = False
            yield data


def _patience_s(*, crowded: bool, silent: bool) -> float:
    if not crowded:
        return REQUEST_S
    return SILENT_S if silent else CROWDED_REQUEST_S

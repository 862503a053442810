"""What a client of the metrics' server asks for over HTTP, and how long it may take."""

from __future__ import annotations

import ipaddress
import select
import socket
import time
from collections.abc import Iterator

REQUEST_BYTES = 8192
REQUEST_S = 1.0
"""What a client may send, and how long it may take for all that it does."""
CROWDED_REQUEST_S, SILENT_S = 0.05, 0.02
"""How long it may take for what it sends while others wait at the door; and for a first byte, after `DEFER_S`."""
DEFER_S = 10
"""A port lets nobody in who has sent nothing yet, mostly for so long: the kernel keeps them (tcp(7)), not the queue."""

_LEAST_S = 0.05
"""What there is for an answer to a request that came late: mostly it goes at once."""
_REST_BYTES = 1 << 20
"""What a client may go on to send beyond what is read of its request."""


def read_request(client: socket.socket, door: socket.socket, began: float) -> bytes:
    """The request up to its empty line; what there is of it after `REQUEST_BYTES`, of a client who was let in when
    time.monotonic() was `began`.

    Raises TimeoutError when its time is over, which is sooner where others wait at the `door`; OSError where the client
    is gone.
    """
    request = b""
    for data in _sent(client, door, began, deferred=door.family != socket.AF_UNIX):
        request += data
        if b"\r\n\r\n" in request or b"\n\n" in request or len(request) >= REQUEST_BYTES:
            break
    client.settimeout(max(_LEAST_S, began + REQUEST_S - time.monotonic()))  # for the answer
    return request


def path_of(target: bytes) -> bytes:
    """What is asked for: `/metrics`, or the whole address, as to a proxy (RFC 9112, 3.2.2)."""
    scheme, apart, rest = target.partition(b"://")
    if apart and scheme.lower() in (b"http", b"https"):
        target = b"/" + rest.partition(b"/")[2]
    return target.split(b"?")[0]


def header(request: bytes, name: bytes) -> bytes | None:
    """The value of the first header that is called so, in any case of letters."""
    for line in request.split(b"\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name.lower():
            return value.strip()
    return None


def names_this_machine(request: bytes) -> bool:
    """Whether it asks for an address or localhost, or says nothing of that. A stranger's web page that has led its own
    name to this machine (DNS rebinding) has the browser ask for that name (Host; RFC 9112, 3.2)."""
    host = (header(request, b"host") or b"localhost").decode("latin-1").lower()
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return bare == "localhost" or bare.endswith(".localhost")
    return True


def hear_out(client: socket.socket, door: socket.socket, began: float) -> None:
    """Throw away what the client goes on to send, until it hangs up: to close before would reset the connection, and
    the answer might be lost with it (RFC 9112, 9.6). Raises as `read_request`."""
    client.shutdown(socket.SHUT_WR)
    heard = 0
    for data in _sent(client, door, began):
        heard += len(data)
        if heard >= _REST_BYTES:
            return


def _sent(client: socket.socket, door: socket.socket, began: float, *, deferred: bool = False) -> Iterator[bytes]:
    """What the client sends, in pieces, until it hangs up.

    Its time is over soonest for a `deferred` one that still says nothing, which has had `DEFER_S` for it. Raises as
    `read_request`.
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

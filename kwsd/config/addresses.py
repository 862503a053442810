"""Where something is served: a port of this machine, an address with a port, or the path of a socket."""

from __future__ import annotations

import ipaddress
import socket

FORM = "a port, 127.0.0.1:PORT or a path with a slash"

Address = tuple[socket.AddressFamily, tuple[str, int]]


def parse_address(where: str) -> Address:
    """The address that `where` names: a port of this machine, or an IP address with a port. Raises ValueError."""
    host, _, port = where.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    number = int(port)
    if not 0 <= number < 1 << 16:
        raise ValueError(f"{number} is not a port")
    return socket.AF_INET6 if address.version == 6 else socket.AF_INET, (str(address), number)


def is_place(where: str) -> bool:
    """Whether it is a path, an address, or empty; a URL is none of these."""
    if not where or "/" in where:
        return "://" not in where
    try:
        parse_address(where)
    except ValueError:
        return False
    return True

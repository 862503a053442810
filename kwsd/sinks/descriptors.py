"""How the descriptors that the daemon may have are shared: its own first, subscribers next, what hooks left last."""

from __future__ import annotations

import resource

CLIENTS = 64
"""Subscribers at once, fewer where descriptors are few; further ones are turned away."""

_OWN = 60
"""Descriptors that the daemon itself may need: 21 while nothing happens, 4 for the metrics and who asks for them, 2 for
a detection that is saved, 6 for a new capture, 26 for eight hooks, without pidfd (3 each, 5 for the one that is just
started), and one for what an earlier hook left running."""


def room(most: int) -> int:
    """How many connections, `most` at most and one at least, leave the daemon the descriptors that it needs itself."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - _OWN))


def spare(most: int) -> int:
    """How many of `most` descriptors, one at least, are left where as many subscribers come as may."""
    return max(1, room(CLIENTS + most) - CLIENTS)

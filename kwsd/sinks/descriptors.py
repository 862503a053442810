"""Shares out the file descriptors that the daemon may have: first its own, then subscribers, then orphans of hooks."""

from __future__ import annotations

import resource

CLIENTS = 64
"""Most subscribers at once, fewer if descriptors are scarce; further ones are turned away."""

_OWN = 60
"""Descriptors that the daemon itself may need: 21 when idle, 4 for the metrics server and its client, 2 for saving a
detection, 6 for a new capture process, 26 for eight hooks without pidfd (3 each, 5 for the one that is just started),
and one for a program that an earlier hook left running."""


def room(most: int) -> int:
    """How many connections, from one to `most`, leave the daemon the descriptors that it needs itself."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - _OWN))


def spare(most: int) -> int:
    """How many descriptors, from one to `most`, are left with the largest number of subscribers."""
    return max(1, room(CLIENTS + most) - CLIENTS)

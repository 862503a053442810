"""What one subscriber says."""

from __future__ import annotations

import select
import socket

from kwsd.sinks.subscriber import CHATTER, Subscriber


def test_one_that_asks_for_the_status_may_go_on_asking() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subscriber = Subscriber(ours)
        for _ in range(CHATTER // 7 + 10):
            theirs.sendall(b"status\n")
            subscriber.hear(select.POLLIN)
            assert subscriber.asks()
        assert subscriber.fault is None


def test_nothing_to_hear_is_no_departure() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        subscriber = Subscriber(ours)
        subscriber.hear(select.POLLIN)
        assert subscriber.fault is None
        theirs.sendall(b"status\n")
        subscriber.hear(select.POLLIN)
        assert subscriber.asks()

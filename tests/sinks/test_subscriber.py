"""What one subscriber says."""

from __future__ import annotations

import select
import socket
from contextlib import suppress

from patience import PATIENCE_S

from kwsd.sinks.subscriber import BYTES, CHATTER, LINES, Subscriber


def test_one_that_asks_for_the_status_may_go_on_asking() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subscriber = Subscriber(ours)
        for _ in range(CHATTER // 7 + 10):
            theirs.sendall(b"status\n")
            subscriber.hear(select.POLLIN)
            assert subscriber.asks()
        assert subscriber.fault is None


def asked(*packets: bytes) -> int:
    """How often a subscriber that sends these packets has asked."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subscriber = Subscriber(ours)
        for packet in packets:
            theirs.sendall(packet)
            subscriber.hear(select.POLLIN)
        count = 0
        while subscriber.asks():
            count += 1
        assert subscriber.fault is None
        return count


def test_each_line_is_a_question_however_it_comes() -> None:
    assert asked(b"status\nstatus\n") == 2
    assert asked(b"status\r\n") == 1
    assert asked(b"sta", b"tus", b"\r", b"\nstatus\nhello\nstat", b"us\n") == 3
    assert asked(b"status") == asked(b"\n\r\n") == asked(b"statuses\n", b"a status\n", b"status\r\r\n") == 0
    assert asked(b"x" * 4000, b"status\n", b"status" + b"\r" * 4000, b"\n") == 0


def test_the_end_of_what_it_says_ends_a_line() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subscriber = Subscriber(ours)
        theirs.sendall(b"status")
        subscriber.hear(select.POLLIN)
        assert not subscriber.asks()
        theirs.shutdown(socket.SHUT_WR)
        subscriber.hear(select.POLLIN)
        assert subscriber.asks()
        assert not subscriber.asks()
        assert subscriber.fault is None


def test_one_question_is_answered_after_the_other_and_no_more_are_read_meanwhile() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subscriber = Subscriber(ours)
        theirs.sendall(b"status\n" * 3)
        subscriber.hear(select.POLLIN)
        for _ in range(3):
            assert subscriber.interest == select.POLLOUT
            assert subscriber.asks()
            subscriber.offer(b"{}\n")
            assert not subscriber.asks()
            subscriber.write()
        assert subscriber.interest == select.POLLIN
        assert not subscriber.asks()


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


def test_it_may_lag_by_so_many_lines_and_bytes_and_no_more() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with suppress(BlockingIOError):  # the kernel's own buffer is full
            while ours.send(bytes(4096)):
                pass
        subscriber = Subscriber(ours)
        for _ in range(LINES):
            subscriber.offer(b"line\n")
        assert subscriber.fault is None
        subscriber.offer(b"line\n")
        assert subscriber.fault == f"it does not keep up, {LINES} events wait for it"
        heavy = Subscriber(ours)
        heavy.offer(bytes(5 * BYTES))  # a long status, behind which as much may wait as behind an event
        heavy.offer(bytes(BYTES))
        assert heavy.fault is None
        heavy.offer(b"\n")
        assert heavy.fault == "it does not keep up, 2 events wait for it"


def test_what_it_has_been_sent_before_leaves_it_as_much_room() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        subscriber = Subscriber(ours)
        for _ in range(BYTES // 1000 + 1):
            subscriber.offer(bytes(1000))
            subscriber.write()
            assert len(theirs.recv(1000)) == 1000
        with suppress(BlockingIOError):  # the kernel's own buffer is full
            while ours.send(bytes(4096)):
                pass
        for _ in range(LINES):
            subscriber.offer(b"line\n")
        assert subscriber.fault is None


def test_more_lines_at_once_than_may_wait_go_on_to_the_kernel_that_has_room() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        subscriber = Subscriber(ours)
        for _ in range(LINES + 9):
            subscriber.offer(b"line\n")
        assert subscriber.fault is None
        theirs.settimeout(PATIENCE_S)
        with theirs.makefile("rb") as reader:
            for _ in range(9):
                assert reader.readline() == b"line\n"


def test_who_says_that_it_says_no_more_is_not_asked_again() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subscriber = Subscriber(ours)
        assert subscriber.interest == select.POLLIN
        theirs.shutdown(socket.SHUT_WR)
        subscriber.hear(select.POLLIN)
        assert (subscriber.interest, subscriber.fault) == (0, None)
        subscriber.offer(b"line\n")
        assert subscriber.interest == select.POLLOUT


def test_lines_come_whole_and_in_order_though_the_kernel_takes_them_in_parts() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
        subscriber, read = Subscriber(ours), b""
        lines = [b"%d" % number * 6000 + b"\n" for number in range(10)]
        for line in lines:
            subscriber.offer(line)
        while len(read) < sum(map(len, lines)):
            subscriber.write()
            assert subscriber.fault is None
            with suppress(BlockingIOError):
                read += theirs.recv(1000)
        assert read.splitlines(keepends=True) == lines

"""Messages from threads and from signals."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator

import pytest
from patience import PATIENCE_S

from kwsd.daemon.mailbox import Mailbox
from kwsd.daemon.signals import relayed


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox: Mailbox = Mailbox()
    yield mailbox
    mailbox.close()


def test_messages_come_in_order(mailbox: Mailbox) -> None:
    for number in range(10_000):  # more than the socket holds bytes
        mailbox.put(number)
    assert [mailbox.get() for _ in range(10_000)] == list(range(10_000))


def test_a_waiting_reader_is_woken_by_a_thread(mailbox: Mailbox) -> None:
    received: list[object] = []
    reader = threading.Thread(target=lambda: received.append(mailbox.get()))
    reader.start()
    mailbox.put("now")
    reader.join(PATIENCE_S)
    assert received == ["now"]


def test_a_message_is_there_before_its_reader_is_woken(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is woken sooner finds nothing, and sleeps on."""
    found: list[object] = []
    monkeypatch.setattr(mailbox._waker, "wake", lambda: found.extend(mailbox._messages))
    mailbox.put("now")
    assert found == ["now"]


def test_who_has_read_all_is_not_kept_awake(mailbox: Mailbox) -> None:
    for number in range(3):
        mailbox.put(number)
        assert mailbox.get() == number
    assert select.select([mailbox._waker], [], [], 0)[0] == []


def test_no_signal_is_slept_through(mailbox: Mailbox) -> None:
    """The reader begins to wait at just about the moment of the signal, many times over."""

    def kill(about: threading.Barrier) -> None:
        about.wait()
        os.kill(os.getpid(), signal.SIGTERM)

    for _ in range(300):
        about = threading.Barrier(2)
        thread = threading.Thread(target=kill, args=(about,))
        with relayed(mailbox.put, lambda: None, mailbox.wakeup_fd()):
            thread.start()
            about.wait()
            assert mailbox.get() == signal.SIGTERM
            thread.join()


def test_a_late_message_harms_nobody() -> None:
    mailbox: Mailbox = Mailbox()
    mailbox.close()
    mailbox.put("too late")

"""The first Ctrl-C waits for a good moment, the second one does not."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from kwsd.cli import interrupts as cli_interrupts
from kwsd.cli.interrupts import Interrupts, ending_tidily, killed_by_ctrl_c
from kwsd.daemon.signals import TOGETHER_S
from kwsd.errors import Interrupted


class Clock:
    """One that the test puts on."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """By which two Ctrl-C come together, or do not."""
    clock = Clock()
    monkeypatch.setattr(cli_interrupts, "time", clock)
    return clock


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_one_waits(capfd: pytest.CaptureFixture[str]) -> None:
    with Interrupts() as interrupts:
        interrupts.check()
        press()
        with pytest.raises(Interrupted):
            interrupts.check()
    assert "Ctrl-C again stops at once" in capfd.readouterr().err


def test_the_first_one_waits_where_its_notice_has_no_reader_left() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stderr = os.dup(2)
    os.dup2(writing, 2)
    try:
        with Interrupts() as interrupts:
            press()
            with pytest.raises(Interrupted):
                interrupts.check()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(writing)


def test_two_at_once_are_one(clock: Clock) -> None:
    with Interrupts() as interrupts:
        press()
        clock.now += 0.9 * TOGETHER_S
        press()
        with pytest.raises(Interrupted):
            interrupts.check()


def test_the_second_one_does_not(clock: Clock) -> None:
    with Interrupts():
        press()
        clock.now += TOGETHER_S
        with pytest.raises(KeyboardInterrupt):
            press()


def test_afterwards_all_is_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        press()
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize(
    ("before", "within"),
    [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)],
)
def test_c_code_is_ended_at_once_unless_the_signal_is_ignored(before: Any, within: Any) -> None:
    ours = signal.signal(signal.SIGINT, before)
    try:
        with killed_by_ctrl_c():
            assert signal.getsignal(signal.SIGINT) == within
        assert signal.getsignal(signal.SIGINT) == before
    finally:
        signal.signal(signal.SIGINT, ours)


def test_in_another_thread_nothing_is_changed() -> None:
    seen: list[Any] = []

    def ask() -> None:
        with killed_by_ctrl_c():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_wish_to_end_unwinds_the_stack(number: signal.Signals) -> None:
    undone: list[str] = []

    def work() -> None:
        with ending_tidily(), ExitStack() as stack:
            stack.callback(undone.append, "what was made for a while")
            os.kill(os.getpid(), number)

    with pytest.raises(SystemExit) as ended:
        work()
    assert (ended.value.code, len(undone)) == (128 + number, 1)
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_wish_to_end_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_tidily():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        test_a_wish_to_end_unwinds_the_stack(signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

"""Signals become messages; a second one is final."""

from __future__ import annotations

import errno
import logging
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from patience import PATIENCE_S

from kwsd.daemon import signals
from kwsd.daemon.signals import ASKING_TO_STOP, TOGETHER_S, WITHOUT_MEANING, Held, Terminal, relayed


def no_hurry() -> None:
    raise AssertionError("one signal is no hurry")


@pytest.mark.parametrize("number", ASKING_TO_STOP)
def test_the_first_signal_is_a_message(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in ASKING_TO_STOP]
    heard: list[signal.Signals] = []
    with relayed(heard.append, no_hurry, -1):
        signal.raise_signal(number)
    assert heard == [number]
    assert [signal.getsignal(each) for each in ASKING_TO_STOP] == before


@pytest.mark.parametrize("number", WITHOUT_MEANING)
def test_a_signal_without_a_meaning_is_nothing(number: signal.Signals) -> None:
    heard: list[signal.Signals] = []
    with relayed(heard.append, no_hurry, -1):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(number)
    assert heard == [signal.SIGTERM]
    assert signal.getsignal(number) == signal.SIG_DFL


def test_sighup_may_ask_for_something_else_than_to_stop() -> None:
    heard: list[signal.Signals] = []
    with relayed(heard.append, no_hurry, -1, reloads=True):
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
    assert heard == [signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize(("reloads", "expected"), [(True, [signal.SIGHUP] * 2), (False, [signal.SIGHUP])])
def test_a_sighup_that_was_held_is_handed_on_where_it_is_a_reload(
    reloads: bool, expected: list[signal.Signals]
) -> None:
    heard: list[signal.Signals] = []
    before = signal.signal(signal.SIGHUP, Held())
    try:
        signal.raise_signal(signal.SIGHUP)
        with relayed(heard.append, no_hurry, -1, reloads=reloads):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == expected


def test_where_none_was_held_none_is_handed_on() -> None:
    heard: list[signal.Signals] = []
    before = signal.signal(signal.SIGHUP, Held())
    try:
        with relayed(heard.append, no_hurry, -1, reloads=True):
            pass
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == []


@pytest.mark.parametrize("reloads", [False, True])
def test_what_is_ignored_stays_ignored(caplog: pytest.LogCaptureFixture, reloads: bool) -> None:
    caplog.set_level(logging.INFO, "kwsd")
    heard: list[signal.Signals] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with relayed(heard.append, no_hurry, -1, reloads=reloads):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == []
    assert ("SIGHUP ignored" in caplog.text) == reloads


@pytest.mark.parametrize("number", ASKING_TO_STOP)
def test_the_same_signal_twice_within_a_millisecond_is_one(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    now = 1000.0
    monkeypatch.setattr(signals, "time", SimpleNamespace(monotonic=lambda: now))
    heard: list[signal.Signals] = []
    with relayed(heard.append, no_hurry, -1):
        signal.raise_signal(number)
        now += 0.0005  # as timeout(1) sends it: to its child, then to the child's group
        signal.raise_signal(number)
    assert heard == [number]


@pytest.mark.parametrize(("number", "apart_s"), [(signal.SIGINT, 0.0), (signal.SIGTERM, TOGETHER_S)])
def test_the_second_signal_ends_the_process_at_once(number: signal.Signals, apart_s: float) -> None:
    program = f"""
import signal
import time
from kwsd.daemon.signals import relayed
with relayed(lambda number: print(number.name, flush=True), lambda: print("at once", flush=True), -1):
    signal.raise_signal(signal.SIGTERM)
    time.sleep({apart_s})
    signal.raise_signal({number:d})
    print("still there")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == -number
    assert done.stdout == "SIGTERM\nat once\n"
    assert done.stderr == ""


def test_the_second_signal_ends_the_first_process_of_a_container_too() -> None:
    program = """
import os
import signal
from kwsd.daemon.signals import relayed
os.kill = lambda *_: None  # so the kernel shields process 1 from what has no handler
with relayed(lambda number: None, lambda: print("at once", flush=True), -1):
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    print("still there")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "at once\n", "")


def test_a_terminal_that_went_long_ago_does_not_hang_up_now(monkeypatch: pytest.MonkeyPatch) -> None:
    there = True
    monkeypatch.setattr(signals, "has_terminal", lambda: there)
    monkeypatch.setattr(signals, "LOOK_S", 0.0)
    terminal = Terminal()
    terminal.look()
    assert not terminal.hangs_up()
    there = False
    assert terminal.hangs_up()  # the signal comes before anybody has looked
    terminal.look()
    assert not terminal.hangs_up()  # it was found gone, no second ago, but that is long in this test
    monkeypatch.setattr(signals, "LOOK_S", 3600.0)
    assert terminal.hangs_up()
    there = True
    later = Terminal()
    there = False
    later.look()
    assert later.hangs_up()


def test_without_a_descriptor_nobody_can_tell_whether_the_terminal_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: int) -> None:
        def failing(*_: object) -> int:
            raise OSError(error, "")

        monkeypatch.setattr(signals.os, "open", failing)

    monkeypatch.setattr(signals, "has_terminal", lambda: True)
    monkeypatch.setattr(signals, "LOOK_S", 0.0)
    terminal = Terminal()
    monkeypatch.undo()
    monkeypatch.setattr(signals, "LOOK_S", 0.0)
    for error in (errno.EMFILE, errno.ENFILE):
        refuse(error)
        terminal.look()
        assert not terminal.hangs_up()
    refuse(errno.ENXIO)
    assert terminal.hangs_up()

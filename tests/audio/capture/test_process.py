"""The process that captures rests while the daemon wants nothing."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest

from kwsd.audio.capture import process
from kwsd.audio.capture.process import Throttle, capturing


@pytest.fixture
def orders() -> Iterator[tuple[int, int]]:
    """The end that is read, and the other, which a test may close."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    with suppress(OSError):
        os.close(writing)


class Clock:
    """A machine's, on which nothing takes time but to wait in vain for a descriptor."""

    now = 0.0

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register, self.unregister = self._poll.register, self._poll.unregister

    def monotonic(self) -> float:
        return self.now

    def poll(self, milliseconds: float) -> list[tuple[int, int]]:
        ready = self._poll.poll(0)
        self.now += 0.0 if ready else milliseconds / 1000
        return ready

    def rested_s(self, rest: Throttle, given: int) -> float:
        began = self.now
        rest(given)
        return self.now - began


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the process that captures."""
    clock = Clock()
    monkeypatch.setattr(process, "time", clock)
    monkeypatch.setattr(process, "select", SimpleNamespace(poll=lambda: clock, POLLIN=select.POLLIN))
    return clock


def test_it_rests_from_when_the_daemon_says_what_it_wants(orders: tuple[int, int], clock: Clock) -> None:
    reading, writing = orders
    rest = Throttle(reading)
    rest(0)  # nothing said yet
    os.write(writing, b"1600 3200 0.015\n")
    rest(320)  # it hears of it
    assert clock.rested_s(rest, 640) == pytest.approx(0.045)  # 60 ms are missing, less 15
    os.write(writing, b"1600 -160 0.015\n4800 -480 0.015\n")
    rest(960)
    # The newest counts, by which 250 ms are missing; by the other 30, and less than a rest.
    assert clock.rested_s(rest, 1280) == pytest.approx(0.235, abs=0.01)  # less what the block was late
    os.write(writing, b"0 0 0.015\n")
    rest(1600)
    assert clock.rested_s(rest, 1920) == 0.0  # it wants all at once again


def test_a_line_may_be_cut_by_the_end_of_what_is_read(orders: tuple[int, int], clock: Clock) -> None:
    reading, writing = orders
    rest = Throttle(reading)
    os.write(writing, b"0 0 0.015\n" * 409 + b"4800 0 0.015\n")  # the last line begins with byte 4090
    rest(320)
    assert clock.rested_s(rest, 640) == 0.0  # it reads the rest of that line
    assert clock.rested_s(rest, 960) == pytest.approx(0.225)  # 240 ms are missing, less 15


def test_it_sleeps_through_a_span_in_which_nobody_looks(orders: tuple[int, int], clock: Clock) -> None:
    reading, writing = orders
    rest = Throttle(reading)
    os.write(writing, b"4800 0 -0.01\n")
    rest(320)
    assert clock.rested_s(rest, 640) == pytest.approx(0.27)  # 260 ms are missing, and 10 more are waited for


def test_a_daemon_that_is_gone_or_talks_nonsense(orders: tuple[int, int]) -> None:
    reading, writing = orders
    rest = Throttle(reading)
    os.write(writing, b"hop\n")
    with pytest.raises(ValueError, match="unpack"):
        rest(320)
    os.close(writing)
    for given in (640, 960):
        rest(given)  # the next block that is sent finds it


def test_a_device_may_be_called_what_the_locale_has_no_letter_for() -> None:
    given = json.loads(capturing("Mikrofön", "麦克风", 50)[-1])
    assert given[2:] == ["Mikrofön", "麦克风", "50"]
    assert all(part.isascii() for part in capturing("Mikrofön", "麦克风", 50))  # as an argument of a program has to be

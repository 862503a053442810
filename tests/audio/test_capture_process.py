"""The process that captures rests while the daemon wants nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kwsd.audio.capture_process import Rest


@pytest.fixture
def orders() -> Iterator[tuple[int, int]]:
    """The end that is read, and the other, which a test may close."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    with suppress(OSError):
        os.close(writing)


def rested_s(rest: Rest, given: int) -> float:
    began = time.monotonic()
    rest(given)
    return time.monotonic() - began


def test_it_rests_from_when_the_daemon_says_what_it_wants(orders: tuple[int, int]) -> None:
    reading, writing = orders
    rest = Rest(reading)
    rest(0)  # nothing said yet
    os.write(writing, b"1600 3200 0.015\n")
    rest(320)  # it hears of it
    assert rested_s(rest, 640) > 0.025  # 60 ms are missing, less 15
    os.write(writing, b"1600 -160 0.015\n4800 -480 0.015\n")
    rest(960)
    assert rested_s(rest, 1280) > 0.1  # the newest counts: 250 ms are missing; by the other 30, and less than a rest
    os.write(writing, b"0 0 0.015\n")
    rest(1600)
    assert rested_s(rest, 1920) < 0.1  # it wants all at once again


def test_it_sleeps_through_a_span_in_which_nobody_looks(orders: tuple[int, int]) -> None:
    reading, writing = orders
    rest = Rest(reading)
    os.write(writing, b"4800 0 -0.01\n")
    rest(320)
    assert rested_s(rest, 640) > 0.2  # 260 ms are missing, and 10 more are waited for


def test_a_daemon_that_is_gone_or_talks_nonsense(orders: tuple[int, int]) -> None:
    reading, writing = orders
    rest = Rest(reading)
    os.write(writing, b"hop\n")
    with pytest.raises(ValueError, match="unpack"):
        rest(320)
    os.close(writing)
    for given in (640, 960):
        rest(given)  # the next block that is sent finds it

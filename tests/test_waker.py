"""Waiting in poll(2), and being woken there."""

from __future__ import annotations

import math
import select

import pytest

from kwsd.waker import Waker, time_out


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [(1.5, 1500), (0.0001, 1), (0.0, 0), (-0.5, 0), (math.inf, None)],
)
def test_a_time_that_has_passed_is_not_waited_for_and_none_ends_too_soon(
    seconds: float, milliseconds: int | None
) -> None:
    """To poll(2), a negative time-out is none."""
    assert time_out(seconds) == milliseconds


def test_all_that_woke_is_forgotten_at_once() -> None:
    waker = Waker()
    for _ in range(3):
        waker.wake()
    assert select.select([waker], [], [], 0)[0] == [waker]
    waker.clear()
    assert select.select([waker], [], [], 0)[0] == []
    waker.clear()  # does not wait
    waker.close()
    waker.wake()

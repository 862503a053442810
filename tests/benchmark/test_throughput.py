"""Windows a second, as far as they can be had in a few seconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.benchmark.throughput import Rate, throughput


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("kwsd.benchmark.throughput.time", clock)
    return clock


class Clock:
    """A machine's, on which nothing takes time but what says so."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Slow:
    """Takes as long for a window as it is told."""

    labels, name = ("yes",), "slow"

    def __init__(self, clock: Clock, takes_s: Callable[[int], float]) -> None:
        self._clock, self._takes_s = clock, takes_s

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        assert windows.shape[1] == 160
        self._clock.now += self._takes_s(len(windows))
        return np.ones((len(windows), 1), np.float32)


def test_many_at_once_may_be_faster(clock: Clock) -> None:
    one, *_, many = throughput(Slow(clock, lambda _: 0.05), 160)
    assert (one.at_once, many.at_once) == (1, 256)
    assert one.windows_per_second == pytest.approx(20)
    assert many.windows_per_second > 50 * one.windows_per_second


def test_a_slow_engine_is_not_given_more_than_takes_seconds(clock: Clock) -> None:
    assert [rate.at_once for rate in throughput(Slow(clock, lambda count: 0.1 * count), 160)] == [1, 16]


def test_an_engine_that_was_stopped_before_its_first_batch_has_a_throughput(clock: Clock) -> None:
    def look() -> float:
        clock.now += 1.0
        return clock.now

    clock.perf_counter = look  # type: ignore[method-assign]  # for this test
    assert all(rate.windows_per_second > 0 for rate in throughput(Slow(clock, lambda _: 0.0), 160))


def test_streams_have_a_window_each_hop() -> None:
    assert Rate(16, 500.0).streams(1600) == pytest.approx(50)
    assert Rate(16, 500.0).streams(8000) == pytest.approx(250)

"""Windows a second, as far as they can be had in a few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.benchmark.throughput import Rate, throughput


class Slow:
    """Takes as long for a window as it is told."""

    labels, name = ("yes",), "slow"

    def __init__(self, takes_s: Callable[[int], float]) -> None:
        self._takes_s = takes_s

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        assert windows.shape[1] == 160
        time.sleep(self._takes_s(len(windows)))
        return np.ones((len(windows), 1), np.float32)


def test_many_at_once_may_be_faster() -> None:
    one, *_, many = throughput(Slow(lambda _: 0.05), 160)
    assert (one.at_once, many.at_once) == (1, 256)
    assert one.windows_per_second <= 20
    assert many.windows_per_second > 50 * one.windows_per_second


def test_a_slow_engine_is_not_given_more_than_takes_seconds() -> None:
    assert [rate.at_once for rate in throughput(Slow(lambda count: 0.1 * count), 160)] == [1, 16]


def test_streams_have_a_window_each_hop() -> None:
    assert Rate(16, 500.0).streams(1600) == pytest.approx(50)
    assert Rate(16, 500.0).streams(8000) == pytest.approx(250)

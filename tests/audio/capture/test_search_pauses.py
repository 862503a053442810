"""How often a lost microphone is searched for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kwsd.audio.capture.microphone import Microphone
from kwsd.audio.capture.timeouts import CaptureTimeouts
from kwsd.audio.source import SearchFailed
from kwsd.events import DeviceLost, DeviceRestored
from kwsd.waker import Waker


class Pauses:
    """The pauses between two searches: each is noted, and only the clock runs on. `then` ends them once it is true."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.taken, self.then = 1000.0, list[float](), lambda: len(self.taken) == 9
        monkeypatch.setattr(Waker, "wait", self._pause)

    def clocks(self) -> tuple[float, float]:
        return self.now, 0.0

    def _pause(self, seconds: float) -> bool:
        self.taken.append(seconds)
        self.now += seconds
        return bool(self.then())


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    return Pauses(monkeypatch)


def test_a_device_that_stays_away_is_searched_for_less_often(
    listen: Callable[..., Any], sound: Any, pauses: Pauses
) -> None:
    _, blocks = listen("mic", timeouts=CaptureTimeouts(gone_s=7.0), clocks=pauses.clocks)
    next(blocks)
    sound.set("Other (hw:9,0)")
    blocks.until(DeviceLost)
    assert {type(item) for item in blocks} == {SearchFailed}
    assert pauses.taken == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 4.0, 8.0, 10.0]


@pytest.mark.parametrize(("search_s", "pause_s"), [(3.0, 7.0), (25.0, 2.0)])
def test_a_search_that_takes_long_is_followed_by_a_shorter_pause(
    listen: Callable[..., Any],
    sound: Any,
    monkeypatch: pytest.MonkeyPatch,
    pauses: Pauses,
    search_s: float,
    pause_s: float,
) -> None:
    start = Microphone._start

    def slow(*given: Any) -> str | None:
        pauses.now += search_s
        return start(*given)

    _, blocks = listen("mic", timeouts=CaptureTimeouts(gone_s=1.0), clocks=pauses.clocks)
    next(blocks)
    monkeypatch.setattr(Microphone, "_start", slow)
    sound.set("Other (hw:9,0)")
    blocks.until(DeviceLost)
    assert {type(item) for item in blocks} == {SearchFailed}
    assert pauses.taken[-1] == pause_s


def test_the_slowest_search_that_is_answered_feeds_the_watchdog_in_time() -> None:
    limits = CaptureTimeouts()
    assert limits.start_s + limits.open_s + limits.last_pause_s < 30  # WatchdogSec= of the units


def test_a_device_that_is_lost_again_at_once_is_no_longer_one_that_stays_away(
    listen: Callable[..., Any], sound: Any, pauses: Pauses
) -> None:
    pauses.then = lambda: len(pauses.taken) == 9 and sound.set()
    _, blocks = listen("mic", timeouts=CaptureTimeouts(gone_s=7.0), clocks=pauses.clocks)
    next(blocks)
    sound.set("Other (hw:9,0)")
    blocks.until(DeviceRestored)
    sound.set("Other (hw:9,0)")
    blocks.until(SearchFailed)
    assert pauses.taken[8:10] == [10.0, 2.0]

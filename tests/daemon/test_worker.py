"""The loop itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kwsd.audio.windows import Window
from kwsd.daemon.worker import work
from kwsd.events import Event, SpeechStarted


class Echo:
    """A spotter that has an event for every window."""

    def feed(self, windows: Sequence[Window]) -> list[Event]:
        return [SpeechStarted(window.stream, window.end) for window in windows]


def batch(*ends: int) -> list[Window]:
    return [Window("desk", end, np.zeros(16_000, np.int16), hop=1600) for end in ends]


def test_events_go_out_in_order_batch_by_batch() -> None:
    told: list[object] = []
    work([batch(1, 2), batch(3)], Echo(), told.append, lambda: told.append("progressed"))
    assert told == [
        SpeechStarted("desk", 1),
        SpeechStarted("desk", 2),
        "progressed",
        SpeechStarted("desk", 3),
        "progressed",
    ]


def test_a_failure_ends_the_loop() -> None:
    class Broken:
        def feed(self, windows: Sequence[Window]) -> list[Event]:
            raise RuntimeError(f"{len(windows)} windows too many")

    told: list[Event] = []
    with pytest.raises(RuntimeError, match="1 windows"):
        work([batch(1), batch(2)], Broken(), told.append, lambda: None)
    assert told == []

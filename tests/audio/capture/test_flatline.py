"""An input that gives nothing, told from a quiet room."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.audio.capture.flatline import Flatline
from kwsd.events import DeviceAudible, DeviceSilent, Event


@pytest.mark.parametrize("level", [0, 1, -1, 12_000])
def test_a_converter_that_is_stuck_at_a_level_is_told_as_silent(level: int) -> None:
    flatline, events = Flatline(3_200), list[Event]()
    blocks = [np.full(1_600, level, np.int16)] * 4 + [np.arange(1_600).astype(np.int16)] * 3
    for number, block in enumerate(blocks, start=1):
        events += flatline.feed(block, "desk", 1_600 * number)
    assert [type(event) for event in events] == [DeviceSilent, DeviceAudible]


def test_what_came_before_the_device_was_lost_does_not_count() -> None:
    flatline, nothing = Flatline(3_200), np.zeros(1_600, np.int16)
    assert not list(flatline.feed(nothing, "desk", 1_600))
    flatline.interrupt()
    assert not list(flatline.feed(nothing, "desk", 11_600))
    (silent,) = flatline.feed(nothing, "desk", 13_200)
    flatline.interrupt()  # told already, and not over
    assert silent == DeviceSilent("desk", 13_200, 3_200)
    assert not list(flatline.feed(nothing, "desk", 24_800))
    (audible,) = flatline.feed(np.arange(1_600).astype(np.int16), "desk", 26_400)
    assert audible == DeviceAudible("desk", 24_800, 4_800)


def test_an_input_that_was_silent_for_just_the_limit_is_told_as_audible_again() -> None:
    flatline = Flatline(1_600)
    assert list(flatline.feed(np.zeros(1_600, np.int16), "desk", 1_600)) == [DeviceSilent("desk", 1_600, 1_600)]
    events = list(flatline.feed(np.arange(1_600).astype(np.int16), "desk", 3_200))
    assert events == [DeviceAudible("desk", 1_600, 1_600)]


def test_a_level_counts_from_the_first_whole_block_after_sound_ended_on_it() -> None:
    flatline, last = Flatline(3_200), np.arange(1_600).astype(np.int16)
    assert not list(flatline.feed(last, "desk", 1_600))
    stuck = np.full(1_600, last[-1])
    events = [event for at in (3_200, 4_800) for event in flatline.feed(stuck, "desk", at)]
    assert events == [DeviceSilent("desk", 4_800, 3_200)]


def test_no_samples_say_nothing() -> None:
    flatline = Flatline(1_600)
    assert not list(flatline.feed(np.zeros(0, np.int16), "desk", 0))
    assert list(flatline.feed(np.zeros(1_600, np.int16), "desk", 1_600)) == [DeviceSilent("desk", 1_600, 1_600)]

"""An input that gives nothing, told from a quiet room."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.audio.flatline import Flatline
from kwsd.events import DeviceAudible, DeviceSilent, Event


@pytest.mark.parametrize("level", [0, 1, -1, 12_000])
def test_a_converter_that_is_stuck_at_a_level_is_told_as_silent(level: int) -> None:
    flatline, events = Flatline(3_200), list[Event]()
    blocks = [np.full(1_600, level, np.int16)] * 4 + [np.arange(1_600).astype(np.int16)] * 3
    for number, block in enumerate(blocks, start=1):
        events += flatline.feed(block, "desk", 1_600 * number)
    assert [type(event) for event in events] == [DeviceSilent, DeviceAudible]

"""Where a word that fired begins and ends."""

from __future__ import annotations

import numpy as np
import pytest
from loudness import HOP, TRIGGER, LoudnessClassifier, beep, cut, feed
from numpy.typing import NDArray

from kwsd.audio.windowing.window import Window
from kwsd.events import Detection
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings


def test_a_word_lies_in_what_the_scores_are_about() -> None:
    audio = beep() + beep(at=6_000)  # another one before it
    padded = np.concatenate([np.zeros(32_000, np.int16), audio])
    windows = [Window("one", end, padded[end : end + 32_000], hop=HOP) for end in range(HOP, len(audio) + 1, HOP)]

    class Newest(LoudnessClassifier):
        def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
            return super().score(windows[:, 16_000:])

    events = feed(SpottingSettings(TRIGGER, gated=False, about=16_000).spotter(Newest()), windows, 1)
    found = [event for event in events if isinstance(event, Detection)]
    for detection, (start, end) in zip(found, ((6_000, 10_000), (16_000, 20_000)), strict=True):
        assert abs(detection.start - start) <= 320
        assert abs(detection.end - end) <= 320


@pytest.mark.parametrize("smoothing", [2, 4])  # with four, the second one begins before the first fires
@pytest.mark.parametrize("batch", [1, 16])
def test_a_word_lies_after_the_one_before_it(batch: int, smoothing: int) -> None:
    audio = beep() + beep(at=25_600, length=1_600)  # when it fires, its window still holds more of the first
    trigger = TriggerSettings({"beep": 0.9}, smoothing, refractory_ms=0)
    found = feed(Spotter(LoudnessClassifier(), gate=None, trigger=trigger), cut(audio), batch)
    places = [(event.start, event.end) for event in found if isinstance(event, Detection)]
    for (start, end), (begins, ends) in zip(places, ((16_000, 20_000), (25_600, 27_200)), strict=True):
        assert abs(start - begins) <= 320
        assert abs(end - ends) <= 320

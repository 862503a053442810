"""What the spotter remembers of the last windows and settings, and what it forgets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from told_scores import Told

from kwsd.audio.windowing.window import Window
from kwsd.events import AudioLost, Detection, Event, SpeechEnded, SpeechStarted
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

TRIGGER = TriggerSettings({"beep": 0.6}, smoothing=2, refractory_ms=500)


def told(*beeps: float) -> Told:
    """A classifier that is told how much each window is like a beep."""
    return Told(np.stack([beeps, 1 - np.array(beeps)], axis=1).astype(np.float32), ("beep", "_silence_"))


def numbered(number: int, *, stream: str = "one", lost: int = 0) -> Window:
    samples = np.zeros(16_000, np.int16)
    samples[-1] = number
    return Window(stream, (number + 1) * 800, samples, lost, hop=800)


def test_a_loss_makes_it_forget_that_something_sounded_like_a_word() -> None:
    classifier = told(0, 0, 0, 0, 0.9, 0)
    spotter = Spotter(classifier, gate=None, trigger=TriggerSettings({"beep": 0.95}, 2), coarse=4000)
    for number in range(5):
        spotter.feed([numbered(number)])
    assert 4 in classifier.asked
    spotter.feed([numbered(5, lost=100)])
    assert 5 not in classifier.asked


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("goes_on", [True, False])
def test_speech_that_goes_on_after_a_loss_begins_anew(goes_on: bool) -> None:
    gate = GateSettings(onset_ms=10, hangover_ms=20)
    spotter = Spotter(told(*[0] * 4), gate=gate, trigger=TRIGGER)
    assert spotter.feed([numbered(1), numbered(2)]) == [SpeechStarted("one", at=800)]
    later = numbered(3, lost=100)
    if not goes_on:
        later = replace(later, samples=np.zeros_like(later.samples))
    begun: list[Event] = [SpeechStarted("one", at=2400)] if goes_on else []
    assert spotter.feed([later]) == [SpeechEnded("one", at=2400), AudioLost("one", at=2400, samples=100), *begun]


def test_a_threshold_that_falls_makes_the_last_window_a_candidate() -> None:
    classifier = told(0.7, 0.7, 0.7)
    spotter = Spotter(classifier, gate=None, trigger=TriggerSettings({"beep": 0.95}, 2), coarse=0)
    for number in range(2):
        assert spotter.feed([numbered(number)]) == []
    spotter.adopt(gate=None, trigger=TriggerSettings({"beep": 0.6}, 2), coarse=0)
    (detection,) = spotter.feed([numbered(2)])
    assert isinstance(detection, Detection)


def test_a_word_does_not_begin_before_its_stream() -> None:
    spotter = Spotter(told(1), gate=None, trigger=TriggerSettings({"beep": 0.9}, 1))
    (detection,) = spotter.feed([numbered(0)])
    assert isinstance(detection, Detection)
    assert detection.start == 0


def test_without_a_gate_from_now_on_a_new_stream_has_none_either() -> None:
    spotter = Spotter(told(0), gate=GateSettings(), trigger=TRIGGER)
    spotter.adopt(gate=None, trigger=TRIGGER)
    spotter.feed([numbered(0, stream="later")])
    assert (spotter.scored, spotter.gated) == (1, 0)


def test_other_thresholds_hold_for_a_new_stream_too() -> None:
    spotter = Spotter(told(0.7, 0.7), gate=None, trigger=TRIGGER)
    spotter.adopt(gate=None, trigger=replace(TRIGGER, thresholds={"beep": 0.95}))
    assert spotter.feed([numbered(number, stream="later") for number in range(2)]) == []


@pytest.mark.usefixtures("plain")
def test_each_stream_has_its_own_gate_of_a_gate_that_comes() -> None:
    spotter = Spotter(told(0, 0), gate=None, trigger=TRIGGER)
    spotter.feed([numbered(0), numbered(0, stream="two")])
    spotter.adopt(gate=GateSettings(onset_ms=10, hangover_ms=500), trigger=TRIGGER)
    assert spotter.feed([numbered(1), numbered(0, stream="two")]) == [SpeechStarted("one", at=800)]


def test_a_window_that_was_held_back_is_forgotten_by_settings_that_hold_none() -> None:
    """Else minutes later it is taken for the neighbour of a word."""
    classifier, trigger = told(0.9, 0, 0, 0, 0.9), TriggerSettings({"beep": 0.85}, 2)
    spotter = Spotter(classifier, gate=None, trigger=trigger, coarse=0)
    spotter.feed([numbered(0)])
    assert classifier.asked == []
    spotter.adopt(gate=None, trigger=TriggerSettings({"beep": 0.4}, 2), coarse=0)
    spotter.feed([numbered(number) for number in (1, 2, 3)])
    spotter.adopt(gate=None, trigger=trigger, coarse=0)
    assert spotter.feed([numbered(4)]) == []
    assert classifier.asked == [1, 2, 3, 4]


def test_looks_lie_whole_hops_apart() -> None:
    classifier = told(*[0] * 9)
    spotter = Spotter(classifier, gate=None, trigger=TriggerSettings({"beep": 0.9}, 2), coarse=2000)
    spotter.feed([numbered(number) for number in range(9)])
    assert spotter.span == 1600

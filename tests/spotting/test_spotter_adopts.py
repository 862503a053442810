"""Settings that change while the spotter hears."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loudness import HOP, TRIGGER, LoudnessClassifier, beep, cut, feed

from kwsd.errors import ConfigError
from kwsd.events import Detection, SpeechEnded
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings


def test_other_settings_in_the_middle_lose_no_sample_and_repeat_no_word() -> None:
    windows = cut(beep(length=8_000))
    for place in range(len(windows)):
        spotter = Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER)
        events = feed(spotter, windows[:place], 1)
        spotter.adopt(gate=None, trigger=TriggerSettings({"beep": 0.5}, smoothing=2, refractory_ms=500))
        events += feed(spotter, windows[place:], 1)
        assert [type(event) for event in events] == [Detection], place


def test_a_gate_that_is_taken_away_ends_the_speech_and_one_that_comes_judges_from_then_on() -> None:
    speech = np.random.default_rng(3).normal(0, 9000, 32_000).clip(-32_768, 32_767).astype(np.int16)
    spotter = Spotter(LoudnessClassifier(), gate=GateSettings(aggressiveness=0), trigger=TRIGGER)
    windows = cut(np.concatenate([speech, np.zeros(32_000, np.int16)]))
    kinds = [event.type for event in feed(spotter, windows[:10], 1)]
    assert "speech_started" in kinds
    assert "speech_ended" not in kinds
    spotter.adopt(gate=None, trigger=TRIGGER)
    kinds = [event.type for event in feed(spotter, windows[10:12], 1)]
    assert kinds.count("speech_ended") == 1
    scored = spotter.scored
    spotter.adopt(gate=GateSettings(), trigger=TRIGGER)
    feed(spotter, windows[30:], 1)
    assert spotter.scored == scored  # silence


def test_settings_that_do_not_fit_the_classifier_change_nothing() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER)
    with pytest.raises(ConfigError, match="does not know boop"):
        spotter.adopt(gate=None, trigger=TriggerSettings({"boop": 0.5}))
    assert len(feed(spotter, cut(beep()), 1)) == 1


def test_another_grid_holds_from_then_on() -> None:
    windows = cut(np.zeros(80_000, np.int16))
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER, coarse=4800)
    feed(spotter, windows[:20], 1)
    assert spotter.span == 4800
    spotter.adopt(gate=None, trigger=TRIGGER, coarse=0)
    feed(spotter, windows[20:], 1)
    assert spotter.span == 2 * HOP


def test_a_gate_that_hears_on_has_the_other_settings_at_once(plain: list[Any]) -> None:
    audio = np.zeros(48_000, np.int16)
    audio[:HOP] = 1
    windows = cut(audio)
    patient = GateSettings(onset_ms=10, hangover_ms=1000)
    spotter = Spotter(LoudnessClassifier(), gate=patient, trigger=TRIGGER)
    assert [event.type for event in feed(spotter, windows[:2], 1)] == ["speech_started"]
    spotter.adopt(gate=GateSettings(aggressiveness=3, onset_ms=10, hangover_ms=10), trigger=TRIGGER)
    assert plain[-1].mode == 3
    assert feed(spotter, windows[2:3], 1) == [SpeechEnded("one", at=3 * HOP)]


def test_without_a_gate_from_now_on_it_is_no_longer_quiet() -> None:
    windows = cut(np.zeros(32_000, np.int16))
    spotter = Spotter(LoudnessClassifier(), gate=GateSettings(), trigger=TRIGGER)
    feed(spotter, windows[:10], 1)
    assert spotter.span is None
    spotter.adopt(gate=None, trigger=TRIGGER)
    feed(spotter, windows[10:], 1)
    assert spotter.span == 1

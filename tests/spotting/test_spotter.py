"""The spotter joins gate, classifier and trigger, a stream at a time, in batches of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from loudness import HOP, TRIGGER, LoudnessClassifier, beep, buzz, cut, feed
from numpy.typing import NDArray

from kwsd.audio.windowing.window import Window
from kwsd.classifier import check_scores
from kwsd.errors import ConfigError, ModelError
from kwsd.events import AudioLost, Detection, Event, SpeechEnded, SpeechStarted
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.stream_state import StreamState
from kwsd.spotting.trigger import Trigger, TriggerSettings


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_one_sound_gives_one_detection_whatever_the_batch(batch: int) -> None:
    events = feed(Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER), cut(beep()), batch)
    assert len(events) == 1
    (detection,) = events
    assert isinstance(detection, Detection)
    assert (detection.word, detection.score, detection.threshold) == ("beep", 1.0, 0.6)
    assert abs(detection.start - 16_000) <= 320
    assert abs(detection.end - 20_000) <= 320
    assert detection.end < detection.at <= 32_000


def test_a_slow_machine_leaves_out_what_cannot_fire_after_a_word() -> None:
    trigger = TriggerSettings({"beep": 0.6}, smoothing=2, refractory_ms=1000, latest_ms=300)
    audio = np.concatenate([beep(), beep(), np.zeros(16_000, np.int16)])

    def scored(late: bool) -> tuple[list[Event], list[int]]:
        spotter, ends = Spotter(LoudnessClassifier(), gate=None, trigger=trigger), []
        events = []
        for window in cut(audio):
            before = spotter.scored
            events.extend(spotter.feed([replace(window, late=late)]))
            ends.extend([window.end] * (spotter.scored - before))
        return events, ends

    in_time, late = scored(False), scored(True)
    assert in_time[0] == late[0]
    assert len(late[0]) == 2
    fired = [event.at for event in late[0] if isinstance(event, Detection)]
    left_out = sorted({*in_time[1]} - {*late[1]})
    assert left_out == [at + HOP * n for at in fired for n in range(1, 6) if at + HOP * n <= len(audio)]
    assert in_time[1] == [window.end for window in cut(audio)]


def test_silence_is_heard_after_a_word_however_slow_the_machine() -> None:
    """It costs nothing, and where it is left out, the next word is not known to begin after it."""
    trigger = Trigger(("beep",), TriggerSettings({"beep": 0.6}, smoothing=1, refractory_ms=1000, latest_ms=300))
    assert trigger.feed(np.ones(1, np.float32), HOP)
    silence = Window("one", 2 * HOP, np.zeros(16_000, np.int16), late=True, hop=HOP)
    assert StreamState("one", None, trigger).judge(silence).skipped
    assert not StreamState("one", Gate(GateSettings()), trigger).judge(silence).skipped


class BrokenClassifier(LoudnessClassifier):
    """As after a training that diverged."""

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(windows), 2), np.nan, np.float32)


def test_a_network_whose_scores_are_not_numbers_is_told() -> None:
    with pytest.raises(ModelError, match="loudness: its scores are not finite numbers"):
        feed(Spotter(BrokenClassifier(), gate=None, trigger=TRIGGER), cut(beep()), 16)


@pytest.mark.parametrize(("score", "fine"), [(1.0005, True), (-0.0005, True), (1.01, False), (-3, False)])
def test_a_network_whose_scores_are_no_probabilities_is_told(score: float, fine: bool) -> None:
    scores = np.array([[score, 0.2]], np.float32)
    if fine:
        assert check_scores(scores, "it") is scores
    else:
        with pytest.raises(ModelError, match="it: its scores are not probabilities from 0 to 1"):
            check_scores(scores, "it")
    assert check_scores(scores[:0], "it").shape == (0, 2)


def test_streams_do_not_hear_each_other() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER)
    both = [
        window
        for pair in zip(cut(beep(), "left"), cut(np.zeros(48_000, np.int16), "right"), strict=True)
        for window in pair
    ]
    events = feed(spotter, both, 16)
    assert [event.stream for event in events] == ["left"]


def test_silence_behind_a_gate_costs_no_inference() -> None:
    classifier = LoudnessClassifier()
    spotter = Spotter(classifier, gate=GateSettings(), trigger=TRIGGER)
    assert feed(spotter, cut(np.zeros(160_000, np.int16)), 16) == []
    assert classifier.batches == []
    assert spotter.scored == 0


def test_lost_audio_is_told_and_forgets_the_scores_before_it() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER)
    windows = cut(beep())
    loud = next(index for index, window in enumerate(windows) if np.abs(window.samples[6000:10000]).max() > 3300)
    spotter.feed(windows[: loud + 1])
    late = windows[loud + 1]
    events = spotter.feed([Window("one", late.end + 32_000, late.samples, lost=32_000, hop=HOP)])
    assert events == [AudioLost("one", at=late.end + 32_000 - HOP, samples=32_000)]


def test_speech_that_a_loss_cuts_off_ended_before_it() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=GateSettings(), trigger=TRIGGER)
    windows = cut(buzz(0.5, 1.0))
    spoken = len(windows) // 2
    assert next(event.type for event in feed(spotter, windows[:spoken], 4)) == "speech_started"
    back, away = windows[spoken], 3600 * 16_000
    events = spotter.feed([Window("one", back.end + away, back.samples, lost=away, hop=HOP)])
    assert events[:2] == [
        SpeechEnded("one", at=windows[spoken - 1].end),
        AudioLost("one", at=back.end + away - HOP, samples=away),
    ]


def test_the_gate_says_when_speech_starts_and_ends() -> None:
    time = np.arange(16_000) / 16_000
    buzz = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 30))
    audio = np.concatenate([np.zeros(16_000), 6000 * buzz, np.zeros(32_000)]).astype(np.int16)
    events = feed(Spotter(LoudnessClassifier(), gate=GateSettings(), trigger=TRIGGER), cut(audio), 4)
    kinds = [event.type for event in events if event.type != "detection"]
    assert kinds == ["speech_started", "speech_ended"]


@pytest.mark.usefixtures("plain")
def test_speech_within_one_hop_starts_and_ends_with_it() -> None:
    audio = np.zeros(16_000, np.int16)
    audio[2 * HOP + 320 : 2 * HOP + 480] = 1
    spotter = Spotter(LoudnessClassifier(), gate=GateSettings(onset_ms=10, hangover_ms=20), trigger=TRIGGER)
    assert feed(spotter, cut(audio), 1) == [SpeechStarted("one", at=2 * HOP), SpeechEnded("one", at=3 * HOP)]


def test_speech_that_the_end_cuts_off_ends_there() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=GateSettings(), trigger=TRIGGER)
    events = feed(spotter, cut(buzz(1, 1)), 4)
    assert [event.type for event in events if event.type != "detection"] == ["speech_started"]
    assert spotter.end({"one": 31_000}) == [SpeechEnded("one", at=31_000)]
    assert not spotter.end({"one": 31_000})


class EagerClassifier(LoudnessClassifier):
    """Says "beep" all the time."""

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.array([1, 0], np.float32), (len(windows), 1))


@pytest.mark.parametrize("smoothing", [2, 3])
@pytest.mark.parametrize("coarse", [None, 0, 4800])
def test_no_word_fires_in_the_window_after_a_quiet_one(coarse: int | None, smoothing: int) -> None:
    trigger = replace(TRIGGER, smoothing=smoothing, thresholds={"beep": 0.7}, refractory_ms=0)
    spotter = Spotter(EagerClassifier(), gate=GateSettings(hangover_ms=100), trigger=trigger, coarse=coarse)
    assert spotter.span == 1  # nothing was heard yet
    quiet, fired = [], []
    for window in cut(buzz(1.03, 0.5, 0.55, 0.5, 0.31, 0.5, 0.27, 0.5, 1.0)):
        quiet.append(spotter.span is None)
        fired.append(any(isinstance(event, Detection) for event in spotter.feed([window])))
    assert sum(fired) >= 2
    assert sum(quiet) >= 10
    assert not any(word and was_quiet for word, was_quiet in zip(fired, quiet, strict=True))


@pytest.mark.parametrize(
    ("gate", "trigger"),
    [
        (None, TRIGGER),
        (GateSettings(), replace(TRIGGER, smoothing=1)),
        (GateSettings(), replace(TRIGGER, thresholds={"beep": 0.5})),
    ],
)
def test_where_one_window_is_enough_for_a_word_it_is_never_quiet(
    gate: GateSettings | None, trigger: TriggerSettings
) -> None:
    spotter = Spotter(LoudnessClassifier(), gate=gate, trigger=trigger)
    feed(spotter, cut(np.zeros(32_000, np.int16)), 1)
    assert spotter.span == 1


def test_it_is_quiet_where_all_streams_are() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=GateSettings(), trigger=TRIGGER)
    feed(spotter, cut(np.zeros(16_000, np.int16), "left"), 16)
    assert spotter.span is None
    feed(spotter, cut(buzz(0.5, 0.5), "right"), 16)
    assert spotter.span == 1
    first, *later = cut(buzz(1.0), "right")
    feed(spotter, [replace(first, lost=16_000), *later], 10)
    assert spotter.span is None


@pytest.mark.parametrize("coarse", [None, 0, 4800])
def test_a_word_that_the_classifier_lacks_is_refused_at_once(coarse: int | None) -> None:
    with pytest.raises(ConfigError, match="does not know boop"):
        Spotter(LoudnessClassifier(), gate=None, trigger=TriggerSettings({"boop": 0.5}), coarse=coarse)


@pytest.mark.parametrize("batch", [1, 4, 64])
@pytest.mark.parametrize("gap", range(8, 24))
def test_a_gap_is_heard_where_it_is_whatever_the_batch(gap: int, batch: int) -> None:
    def with_gap() -> list[Window]:
        return [
            replace(window, lost=320) if number == gap else window
            for number, window in enumerate(cut(beep(length=3_000)))
        ]

    one_by_one = feed(Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER), with_gap(), 1)
    assert feed(Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER), with_gap(), batch) == one_by_one
    assert [event.type for event in one_by_one].count("audio_lost") == 1


def test_what_the_gate_keeps_back_is_counted_and_what_needs_no_score_is_not() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER, coarse=0)
    feed(spotter, cut(np.zeros(48_000, np.int16)), 4)
    assert spotter.gated == 0 < spotter.scored < 30
    closed = Spotter(LoudnessClassifier(), gate=GateSettings(), trigger=TRIGGER, coarse=0)
    feed(closed, cut(np.zeros(48_000, np.int16)), 4)
    assert (closed.gated, closed.scored) == (30, 0)


def test_looks_at_streams_with_other_hops_fall_on_the_windows_of_each() -> None:
    spotter = Spotter(LoudnessClassifier(), gate=None, trigger=TRIGGER, coarse=4800)
    for stream, hop in (("one", 1600), ("two", 3200)):
        spotter.feed([Window(stream, end, np.zeros(16_000, np.int16), hop=hop) for end in range(hop, 32_001, hop)])
    assert spotter.span == 1600  # of windows at multiples of 4800 and of 6400

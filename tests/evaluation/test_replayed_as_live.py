"""What is replayed is what a spotter fires that hears the same windows one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told_scores import Told

from kwsd.audio.windowing.window import Window
from kwsd.evaluation.log_odds import from_log_odds
from kwsd.evaluation.replayer import Replayer
from kwsd.evaluation.scored_stream import ReplayClassifier, ScoredStream
from kwsd.evaluation.stream_scoring import score_stream
from kwsd.evaluation.truth import Stream
from kwsd.events import Detection
from kwsd.samples import RATE
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

LABELS = ("a", "b", "c", "_unknown_", "_silence_")


def recording(seed: int, windows: int = 600, scores=None) -> ScoredStream:
    """Scores that mostly lie low, with bursts of all heights and lengths, and a gate that is often shut."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-6, 1.5, (windows, len(LABELS)))
    for _ in range(windows // 12):
        start, length = rng.integers(windows), rng.integers(1, 12)
        odds[start : start + length, rng.integers(3)] = rng.normal(3, 4) + rng.normal(0, 1, len(odds[start:][:length]))
    rows = (1 / (1 + np.exp(-odds))).astype(np.float32) if scores is None else np.asarray(scores, np.float32)
    ends = 1600 * np.arange(1, len(rows) + 1)
    let_through = np.repeat(rng.random(-(-len(rows) // 7)) < 0.7, 7)[: len(rows)]
    return ScoredStream("s", "m", LABELS, 1600, int(ends[-1]), (), ends, rows, let_through)


def all_at_once(recorded: ScoredStream, trigger: TriggerSettings, gated: bool) -> list[tuple[str, float, int]]:
    """What one spotter fires that is fed with every window."""
    classifier = ReplayClassifier("m", LABELS)
    wanted = recorded.open if gated else np.ones(len(recorded.ends), bool)
    classifier.cue(np.where(wanted[:, None], recorded.scores, np.float32(0)))  # the spotter makes claims of them
    windows = [Window("s", int(end), np.zeros(1, np.int16), hop=recorded.hop) for end in recorded.ends]
    events = Spotter(classifier, gate=None, trigger=trigger).feed(windows)
    return [(event.word, event.score, event.at) for event in events if isinstance(event, Detection)]


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.floats(-5, 8), min_size=3, max_size=3),
    st.integers(1, 6),
    st.sampled_from([0, 100, 700, 2000]),
    st.booleans(),
    st.sampled_from([1.0, 0.1]),
    st.sampled_from([None, 1, 250, 600]),
    st.sampled_from([0.0, 2.0]),
)
@settings(max_examples=150)
def test_replaying_islands_gives_what_replaying_everything_gives(
    seed, odds, smoothing, refractory_ms, gated, substitution, latest_ms, second_chance
):
    recorded = recording(seed)
    thresholds = dict(zip("abc", map(from_log_odds, odds), strict=True))
    trigger = TriggerSettings(thresholds, smoothing, refractory_ms, substitution, latest_ms, second_chance)
    replayer = Replayer(recorded, tuple("abc"), gated=gated, trigger=trigger)
    fired = replayer.detections(trigger.thresholds)
    assert [(event.word, event.score, event.at) for event in fired] == all_at_once(recorded, trigger, gated)


def test_the_property_above_is_not_about_nothing():
    trigger = TriggerSettings(dict.fromkeys("abc", 0.5), 2, 700)
    assert len(all_at_once(recording(1), trigger, False)) > len(all_at_once(recording(1), trigger, True)) > 5


def test_it_is_about_second_chances_too():
    thresholds, gains = dict.fromkeys("abc", 0.995), 0
    for seed in range(9):
        without, with_it = (TriggerSettings(thresholds, 2, 700, second_chance=by) for by in (0.0, 2.0))
        gains += all_at_once(recording(seed), without, False) != all_at_once(recording(seed), with_it, False)
    assert gains > 3


def test_a_hum_that_resembles_a_word_for_long_after_it_fired_is_replayed_as_it_is_heard():
    rows = np.zeros((90, len(LABELS)), np.float32)
    rows[:80, 0] = [0.999, *[0.7] * 72, 0.97, *[0.0] * 3, 0.97, 0.0, 0.0]
    trigger = TriggerSettings({"a": 0.998}, 1, second_chance=3.0)
    recorded = recording(0, scores=rows)
    fired = Replayer(recorded, ("a",), gated=False, trigger=trigger).detections(trigger.thresholds)
    assert [(event.word, event.score, event.at) for event in fired] == all_at_once(recorded, trigger, False)


@pytest.mark.parametrize("coarse", [0, 2400, 4000])
def test_the_same_as_live_with_the_gate_and_a_real_classifier(tones, say, babble, coarse):
    samples = np.concatenate([babble(1, 2.0, 0.001), say("low"), babble(2, 1.5), say("high"), np.zeros(RATE, np.int16)])
    stream = Stream("s", samples, ())
    trigger = TriggerSettings({"low": 0.85, "high": 0.85}, smoothing=3, refractory_ms=400, substitution=0.1)
    for gate in (None, GateSettings(hangover_ms=200)):
        live = []
        recorded = score_stream(stream, tones, SpottingSettings(gate=gate or GateSettings(), hop=800, coarse=coarse))
        spotter = Spotter(tones, gate=gate, trigger=trigger, coarse=coarse)
        padded = np.concatenate([np.zeros(RATE, np.int16), samples, np.zeros(RATE, np.int16)])
        for end in recorded.ends:
            live += spotter.feed([Window("s", int(end), padded[end : end + RATE], hop=800)])
        heard = [(event.word, event.score, event.at) for event in live if isinstance(event, Detection)]
        replayer = Replayer(recorded, ("low", "high"), gated=gate is not None, trigger=trigger)
        fired = replayer.detections(trigger.thresholds)
        assert [word for word, _, _ in heard] == ["low", "high"]
        assert [(event.word, event.at) for event in fired] == [(word, at) for word, _, at in heard]
        assert [event.score for event in fired] == pytest.approx([score for _, score, _ in heard], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("smoothing", "second_chance"), [(1, 0.0), (2, 0.0), (3, 0.0), (2, 3.0)])
@pytest.mark.parametrize(
    "thresholds",
    [
        {"a": 0.99, "b": 0.99, "c": 0.99},
        {"a": 0.99},
        {"b": 0.6, "c": 0.7},
        {"b": 0.99, "c": 0.6},
        {"a": 0.3, "b": 0.99},
    ],
)
def test_the_windows_that_are_looked_at_are_those_that_the_daemon_scores(seed, smoothing, second_chance, thresholds):
    """One hop after the other; a word that nobody listens for brings no closer look, a low threshold does."""
    recorded = replace(recording(seed, windows=200), coarse=6400)
    trigger = TriggerSettings(thresholds, smoothing=smoothing, second_chance=second_chance)
    classifier = Told(recorded.scores, LABELS)
    spotter = Spotter(classifier, gate=None, trigger=trigger, coarse=6400)
    fired = []
    for number, end in enumerate(recorded.ends):
        events = spotter.feed([Window("s", int(end), np.array([number], np.int16), hop=recorded.hop)])
        fired += [event for event in events if isinstance(event, Detection)]
    assert sorted(classifier.asked) == np.flatnonzero(recorded.looked_at(trigger, gated=False)).tolist()
    replayed = Replayer(recorded, tuple(thresholds), gated=False, trigger=trigger).detections(trigger.thresholds)
    assert [(event.word, event.at) for event in replayed] == [(event.word, event.at) for event in fired]

"""What fires in a replay is what would fire live: by its time, and by which other words are listened for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.evaluation.replayer import Replayer
from kwsd.evaluation.scored_stream import ScoredStream
from kwsd.evaluation.truth import SpokenWord
from kwsd.spotting.trigger import TriggerSettings


def scored(rows: NDArray[np.float32], *labels: str, hop: int = 1600) -> ScoredStream:
    """A stream of windows with these scores, all of which the gate lets through."""
    ends = hop * np.arange(1, len(rows) + 1)
    return ScoredStream("s", "m", labels, hop, int(ends[-1]), (), ends, rows, np.ones(len(rows), bool))


@pytest.mark.parametrize(("latest_ms", "resembling", "fires"), [(600, 6, True), (600, 7, False), (650, 7, False)])
@pytest.mark.parametrize("smoothing", [1, 2])
def test_how_long_a_word_has_been_resembled_is_known_of_the_first_window_that_may_fire(
    smoothing: int, latest_ms: int, resembling: int, fires: bool
) -> None:
    """Windows lie 100 ms apart; the first that may fire is the last of the mean."""
    rows = np.zeros((40, 2), np.float32)
    last = 10 + resembling
    rows[10:last, 0] = 0.6
    rows[last - smoothing + 1 : last + 1, 0] = 0.99
    stream = scored(rows, "a", "_silence_")
    trigger = TriggerSettings({"a": 0.95}, smoothing, latest_ms=latest_ms)
    found = Replayer(stream, ("a",), gated=False, trigger=trigger).detections(trigger.thresholds)
    assert [event.at for event in found] == ([stream.ends[last]] if fires else [])


@pytest.mark.parametrize(("begins", "fires"), [(23, False), (24, True)])
def test_within_the_refractory_time_a_word_is_known_to_have_begun_before_another_fired(
    begins: int, fires: bool
) -> None:
    """Windows lie 50 ms apart: "a" fires at window 10 and "b" at 18; "a" could fire again in time from 30 on."""
    rows = np.zeros((60, 3), np.float32)
    rows[10, 0] = rows[18, 1] = 1
    rows[begins:35, 0] = 0.6
    rows[35:37, 0] = 1
    stream = scored(rows, "a", "b", "_silence_", hop=800)
    trigger = TriggerSettings({"a": 0.95, "b": 0.95}, smoothing=1, latest_ms=450)
    found = Replayer(stream, ("a", "b"), gated=False, trigger=trigger).detections(trigger.thresholds)
    assert [event.at for event in found] == stream.ends[[10, 18, 35] if fires else [10, 18]].tolist()


@pytest.mark.parametrize(("listened", "fires"), [(("a", "b"), 1), (("a",), 0), ((), 0)])
def test_a_word_that_is_listened_for_is_no_talk_though_it_may_not_fire(listened: tuple[str, ...], fires: int) -> None:
    rows = np.tile(np.array([0, 0, 1], np.float32), (20, 1))
    rows[8:12] = [0.5, 0.4, 0.1]
    trigger = TriggerSettings({"a": 0.7}, substitution=0.1)
    replayer = Replayer(scored(rows, "a", "b", "_silence_"), ("a",), gated=False, trigger=trigger, listened=listened)
    assert len(replayer.detections(trigger.thresholds)) == fires


def test_what_other_settings_looked_at_before_changes_nothing() -> None:
    rows = np.random.default_rng(1).dirichlet((0.3, 0.3, 1.0), 200).astype(np.float32)
    fresh = replace(scored(rows, "a", "b", "_silence_"), coarse=6400)
    several = [
        TriggerSettings({"a": 0.9, "b": 0.9}),
        TriggerSettings({"a": 0.6, "b": 0.9}),
        TriggerSettings({"a": 0.9, "b": 0.9}, substitution=0.1),
        TriggerSettings({"a": 0.9}),
        TriggerSettings({"b": 0.9}),
    ]
    alone = [replace(fresh).looked_at(trigger, gated=False).tolist() for trigger in several]
    assert [fresh.looked_at(trigger, gated=False).tolist() for trigger in several] == alone
    assert len(set(map(tuple, alone))) == len(several)


def test_a_replayer_forgets_what_it_heard_of_other_windows() -> None:
    """On a coarse grid the thresholds decide which windows are looked at, and a word's peak is that of all."""
    rows = np.random.default_rng(1).dirichlet((0.3, 0.3, 1.0), 200).astype(np.float32)
    stream = replace(scored(rows, "a", "b", "_silence_"), coarse=6400)
    strict, lax = TriggerSettings({"a": 0.9, "b": 0.9}), TriggerSettings({"a": 0.4, "b": 0.4})

    def replayer() -> Replayer:
        return Replayer(stream, ("a", "b"), gated=False, trigger=strict)

    used = replayer()
    found = [used.detections(trigger.thresholds) for trigger in (strict, lax, strict)]
    assert found == [replayer().detections(trigger.thresholds) for trigger in (strict, lax, strict)]
    assert len(found[0]) < len(found[1])
    means = (rows[1:, :2] + rows[:-1, :2]) / 2
    np.testing.assert_allclose(used.peaks(), means.max(axis=0), rtol=1e-6)


@pytest.mark.parametrize("listened", [(), ("a", "b")])
def test_a_peak_between_the_windows_of_a_coarse_grid_is_known_though_it_does_not_fire(
    listened: tuple[str, ...],
) -> None:
    rows = np.zeros((20, 3), np.float32)
    rows[9:11, 0] = 0.9
    stream = replace(scored(rows, "a", "b", "_silence_"), coarse=6400)
    trigger = TriggerSettings({"a": 0.8})
    replayer = Replayer(stream, ("a",), gated=False, trigger=trigger, listened=listened)
    assert replayer.detections(trigger.thresholds) == []
    assert replayer.peaks() == pytest.approx([0.9])
    shut = replace(stream, open=np.zeros(20, bool))
    assert Replayer(shut, ("a",), gated=True, trigger=trigger, listened=listened).peaks() == pytest.approx([0])


@pytest.mark.parametrize("threshold", [0.75, 1.0])
def test_a_score_that_just_reaches_its_threshold_fires(threshold: float) -> None:
    rows = np.zeros((10, 2), np.float32)
    rows[4:6, 0] = threshold
    stream = scored(rows, "a", "_silence_")
    trigger = TriggerSettings({"a": threshold}, smoothing=2)
    (found,) = Replayer(stream, ("a",), gated=False, trigger=trigger).detections(trigger.thresholds)
    assert (found.at, found.score) == (stream.ends[5], threshold)


def test_a_mean_is_that_of_all_its_windows_though_only_the_last_may_fire() -> None:
    rows = np.zeros((10, 2), np.float32)
    rows[4:7, 0] = 0.5, 0.8, 0.6
    stream = scored(rows, "a", "_silence_")
    trigger = TriggerSettings({"a": 0.63}, smoothing=3)
    (found,) = Replayer(stream, ("a",), gated=False, trigger=trigger).detections(trigger.thresholds)
    assert (found.at, found.score) == (stream.ends[6], pytest.approx(1.9 / 3))


def test_only_the_words_that_may_fire_can_be_missed() -> None:
    stream = replace(
        scored(np.zeros((40, 3), np.float32), "a", "b", "_silence_"),
        words=(SpokenWord(0, 16_000, "a"), SpokenWord(32_000, 48_000, "b")),
    )
    trigger = TriggerSettings({"b": 0.5})
    found = Replayer(stream, ("b",), gated=False, trigger=trigger).scored(trigger.thresholds)
    assert [outcome.word.word for outcome in found.outcomes] == ["b"]

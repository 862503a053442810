"""Most windows are not scored, and nobody could tell by the detections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told_scores import HOP, LEVELS, Told, events

from kwsd.audio.decoding.files import read_clip
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import BATCH, SPARED_BATCH
from kwsd.events import NearMiss
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

RECORDINGS = Path(__file__).parents[1] / "recordings"
level = st.sampled_from(LEVELS)


@settings(max_examples=300)
@given(data=st.data(), smoothing=st.integers(1, 4), count=st.integers(1, 40), lowest=st.sampled_from([0.5, 0.6, 0.8]))
def test_detections_are_the_very_same(data: st.DataObject, smoothing: int, count: int, lowest: float) -> None:
    yes = data.draw(st.lists(level, min_size=count, max_size=count))
    no = data.draw(st.lists(level, min_size=count, max_size=count))
    rows = np.stack([yes, no, np.zeros(count)], axis=1).astype(np.float32)
    batches = data.draw(st.lists(st.integers(1, 7), min_size=count, max_size=count))
    opens = data.draw(st.lists(st.sampled_from([True, True, True, False]), min_size=count, max_size=count))
    plain, _ = events(rows, batches, smoothing, opens, lowest=lowest, coarse=None)
    thrifty, asked = events(rows, batches, smoothing, opens, lowest=lowest, coarse=0)
    assert thrifty == plain
    assert len(asked) == len(set(asked))


@settings(max_examples=300)
@given(data=st.data(), smoothing=st.integers(1, 3), count=st.integers(10, 60), coarse=st.integers(2, 5))
def test_a_second_chance_is_the_very_same(data: st.DataObject, smoothing: int, count: int, coarse: int) -> None:
    """On the finest grid as without any, and on a coarser one whatever the batch."""
    close = st.sampled_from([0.0, 0.0, 0.4, 0.5, 0.95, 0.97, 0.98, 1.0])
    yes = data.draw(st.lists(close, min_size=count, max_size=count))
    rows = np.stack([yes, yes[::-1], np.zeros(count)], axis=1).astype(np.float32)
    batches = data.draw(st.lists(st.integers(1, 7), min_size=count, max_size=count))
    opens = data.draw(st.lists(st.sampled_from([True, True, True, False]), min_size=count, max_size=count))
    singly = None if coarse == 2 else coarse * HOP
    plain, _ = events(rows, [1] * count, smoothing, opens, coarse=singly, lowest=0.98, second_chance=3.0)
    thrifty, _ = events(rows, batches, smoothing, opens, coarse=coarse * HOP, lowest=0.98, second_chance=3.0)
    assert sorted(map(repr, thrifty)) == sorted(map(repr, plain))


@settings(max_examples=300)
@given(data=st.data(), smoothing=st.integers(2, 3), count=st.integers(1, 40), stride=st.integers(2, 5))
def test_a_coarse_grid_hears_the_same_whatever_the_batch(
    data: st.DataObject, smoothing: int, count: int, stride: int
) -> None:
    yes = data.draw(st.lists(level, min_size=count, max_size=count))
    rows = np.stack([yes, yes[::-1], np.zeros(count)], axis=1).astype(np.float32)
    batches = data.draw(st.lists(st.integers(1, 7), min_size=count, max_size=count))
    opens = data.draw(st.lists(st.sampled_from([True, True, True, False]), min_size=count, max_size=count))
    single, asked = events(rows, [1] * count, smoothing, opens, coarse=HOP * stride, lowest=0.8)
    several, asked_too = events(rows, batches, smoothing, opens, coarse=HOP * stride, lowest=0.8)
    assert sorted(map(repr, several)) == sorted(map(repr, single))  # the order of two streams is the batch's
    assert sorted(asked) == sorted(asked_too)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("batches", [[1] * 20, [9, 11], [20]])
@pytest.mark.parametrize("first", [5, 6])  # wherever the grid lies
def test_a_word_comes_close_on_the_finest_grid_too(batches: list[int], first: int) -> None:
    """Though no mean with such scores can reach the threshold."""
    rows = np.zeros((20, 3), np.float32)
    rows[first : first + 3, 0] = 0.6, 0.75, 0.65
    found, _ = events(rows, batches, 2, [True] * 20, coarse=0)
    (missed,) = (event for event in found if isinstance(event, NearMiss) and event.stream == "one")
    assert (missed.word, missed.at, missed.score) == ("yes", (first + 3) * HOP, pytest.approx(0.7))


@settings(max_examples=300)
@given(data=st.data(), count=st.integers(2, 40), doubled=st.integers(1, 39))
def test_detections_are_the_very_same_where_the_hop_widens(data: st.DataObject, count: int, doubled: int) -> None:
    yes = data.draw(st.lists(level, min_size=count, max_size=count))
    latest_ms = data.draw(st.sampled_from([None, 150, 400]))
    rows = np.stack([yes, np.zeros(count), np.zeros(count)], axis=1).astype(np.float32)
    found, end = [], 0
    heard: list[Window] = []
    for number in range(count):
        hop = HOP if number < doubled else 2 * HOP
        end += hop
        heard.append(Window("one", end, np.full(8, number, np.int16), hop=hop))
    for coarse in (None, 0):
        trigger = TriggerSettings({"yes": 0.8}, refractory_ms=100, latest_ms=latest_ms)
        spotter = Spotter(Told(rows), gate=None, trigger=trigger, coarse=coarse)
        found.append([event for each in heard for event in spotter.feed([each])])
    assert found[0] == found[1]


def test_where_nothing_is_like_a_word_every_second_window_is_scored() -> None:
    rows = np.tile(np.array([[0.1, 0.1, 0.8]], np.float32), (40, 1))
    for batches in ([1] * 40, [8] * 5, [7] * 6):
        _, asked = events(rows, batches, 2, [True] * 40, coarse=0)
        assert len(asked) == 40
        assert len(events(rows, batches, 2, [True] * 40, coarse=None)[1]) == 80


@pytest.mark.parametrize("smoothing", [1, 3])  # no mean; a mean of three that reaches 0.6 with one of them at zero
def test_where_any_window_may_count_all_are_scored(smoothing: int) -> None:
    rows = np.zeros((20, 3), np.float32)
    assert len(events(rows, [1] * 20, smoothing, [True] * 20, coarse=0)[1]) == 40


@pytest.mark.parametrize("batch", [1, 16])
def test_a_recording_gives_the_same_detections(batch: int) -> None:
    from kwsd.config.sections import DEFAULT_MODEL
    from kwsd.zoo import load_classifier, read_card

    card = read_card(DEFAULT_MODEL)
    classifier = load_classifier(card, device="cpu")
    audio = np.concatenate([read_clip(RECORDINGS / f"{name}.flac") for name in ("commands", "sentence")])
    padded = np.concatenate([np.zeros(card.heard, np.int16), audio])
    cut = [Window("one", end, padded[end : end + card.heard], hop=HOP) for end in range(HOP, len(audio), HOP)]
    said = {}
    for coarse in (None, 0, 4800):
        trigger = TriggerSettings(card.firing)
        spotter = Spotter(classifier, gate=GateSettings(), trigger=trigger, coarse=coarse, about=card.about)
        found = [event for at in range(0, len(cut), batch) for event in spotter.feed(cut[at : at + batch])]
        said[coarse] = (found, spotter.scored)
    assert said[0][0] == said[None][0]
    assert sum(event.type == "detection" for event in said[None][0]) >= 5
    assert said[0][1] < 0.8 * said[None][1]
    assert said[4800][1] <= said[0][1]  # they are full of words
    words = {
        coarse: [event.word for event in found if event.type == "detection"] for coarse, (found, _) in said.items()
    }
    assert words[4800] == words[None]


@pytest.mark.parametrize(
    ("coarse", "threshold", "batch"), [(0, 0.6, SPARED_BATCH), (None, 0.6, BATCH), (0, 0.4, BATCH)]
)
def test_more_windows_come_at_once_where_most_of_them_need_no_score(
    coarse: int | None, threshold: float, batch: int
) -> None:
    trigger = TriggerSettings({"yes": threshold}, smoothing=2)
    assert Spotter(Told(np.zeros((1, 3), np.float32)), gate=None, trigger=trigger, coarse=coarse).batch == batch

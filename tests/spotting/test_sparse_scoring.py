"""Most windows are not scored, and nobody could tell by the detections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kwsd.audio.decoding.files import read_clip
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import BATCH, SPARED_BATCH
from kwsd.events import Event, NearMiss
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

HOP = 1600
RECORDINGS = Path(__file__).parents[1] / "recordings"


class Told:
    """A classifier whose scores are told: a window holds the number of its row. Remembers which it was asked for."""

    labels = ("yes", "no", "_silence_")
    name = "told"

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self._rows = rows
        self.asked: list[int] = []

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        numbers = np.rint(windows[:, -1] * 32_768).astype(int)
        self.asked += numbers.tolist()
        return self._rows[numbers]


class ToldGate:
    """A gate that opens as it is told."""

    def __init__(self, opens: Sequence[bool]) -> None:
        self._opens = iter(opens)
        self.is_open = False

    def feed(self, _: NDArray[np.int16]) -> bool:
        self.is_open = next(self._opens)
        return self.is_open


def window(stream: str, number: int) -> Window:
    return Window(stream, (number + 1) * HOP, np.full(8, number, np.int16), hop=HOP)


def events(
    rows: NDArray[np.float32],
    batches: Sequence[int],
    smoothing: int,
    opens: Sequence[bool],
    *,
    coarse: int | None,
    lowest: float = 0.6,
    second_chance: float = 0.0,
) -> tuple[list[Event], list[int]]:
    """What a spotter says to two streams of these scores, the second one backwards, in batches of these sizes."""
    classifier = Told(np.concatenate([rows, rows[::-1]]))
    thresholds = {"yes": 0.99 if second_chance else 0.9, "no": lowest}
    trigger = TriggerSettings(thresholds, smoothing=smoothing, refractory_ms=300, second_chance=second_chance)
    spotter = Spotter(classifier, gate=None, trigger=trigger, coarse=coarse)
    for stream in ("one", "two"):
        spotter._state(stream).gate = ToldGate(opens)  # type: ignore[assignment]
    found: list[Event] = []
    at = 0
    for size in batches:
        due = range(at, min(at + size, len(rows)))
        batch = [each for k in due for each in (window("one", k), window("two", len(rows) + k))]
        found += spotter.feed([each for each in batch if each.stream == "one" or size % 2])
        if not size % 2:
            found += spotter.feed([each for each in batch if each.stream == "two"])
        at += size
    return found, classifier.asked


LEVELS = [0.0, 0.1, 0.19, 0.2, 0.21, 0.5, 0.6, 0.79, 0.8, 0.85, 0.9, 0.95, 1.0]
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
    assert _but_near_misses(thrifty) == _but_near_misses(plain)
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
    assert sorted(map(repr, _but_near_misses(thrifty))) == sorted(map(repr, _but_near_misses(plain)))


def _but_near_misses(found: list[Event]) -> list[Event]:
    """What is left out could not fire, but may have come close."""
    return [event for event in found if not isinstance(event, NearMiss)]


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


def test_what_is_only_looked_back_at_comes_close_in_no_batch() -> None:
    """Its mean is known too late where it comes alone, as the next window is the first that could fire."""
    rows = np.zeros((10, 3), np.float32)
    rows[3:5, 0] = 0.7, 0.75
    rows[5, 1] = 1.0
    alone, asked = events(rows, [1] * 10, 2, [True] * 10, coarse=0, lowest=0.8)
    assert {3, 4, 5} <= set(asked)
    assert not any(isinstance(event, NearMiss) and event.stream == "one" for event in alone)
    together, _ = events(rows, [9, 1], 2, [True] * 10, coarse=0, lowest=0.8)
    assert not any(isinstance(event, NearMiss) and event.stream == "one" for event in together)


def test_a_word_on_the_coarse_grid_is_looked_at_closely() -> None:
    quiet, word = [0.1, 0.1, 0.8], [0.6, 0.1, 0.3]
    for first in range(10, 16):  # wherever the grid lies
        rows = np.array([quiet] * 30, np.float32)
        rows[first : first + 5] = word
        _, asked = events(rows, [1] * 30, 2, [True] * 30, coarse=3 * HOP, lowest=0.9)
        mine = [number for number in asked if number < 30]
        shown = set(range(first, first + 5))
        assert len(shown & set(mine)) >= 4  # all, but for what lay before the grid's window and its neighbour
        assert len(set(mine) - shown) <= 1 + 30 // 3  # the second one since the gate has opened, and each third


@settings(max_examples=200)
@given(data=st.data(), count=st.integers(1, 40), stride=st.integers(2, 5))
def test_nothing_is_scored_before_the_next_look(data: st.DataObject, count: int, stride: int) -> None:
    yes = data.draw(st.lists(level, min_size=count, max_size=count))
    rows = np.stack([yes, yes[::-1], np.zeros(count)], axis=1).astype(np.float32)
    opens = data.draw(st.lists(st.sampled_from([True, True, True, False]), min_size=count, max_size=count))
    classifier = Told(rows)
    spotter = Spotter(classifier, gate=None, trigger=TriggerSettings({"yes": 0.9, "no": 0.8}), coarse=HOP * stride)
    spotter._state("one").gate = ToldGate(opens)  # type: ignore[assignment]
    span: int | None = 1
    for number in range(count):
        before, heard = len(classifier.asked), window("one", number)
        spotter.feed([heard])
        if span is not None and heard.end % span:
            assert len(classifier.asked) == before
        assert span in (None, 1, HOP * stride)
        span = spotter.span


def test_where_nothing_is_like_a_word_the_next_look_is_at_the_grid() -> None:
    rows = np.tile(np.array([[0.1, 0.1, 0.8]], np.float32), (30, 1))
    rows[12:15] = [0.9, 0.1, 0.0]
    classifier = Told(rows)
    spotter = Spotter(classifier, gate=None, trigger=TriggerSettings({"yes": 0.95, "no": 0.95}), coarse=5 * HOP)
    spans = []
    for number in range(30):
        spotter.feed([window("one", number)])
        spans.append(spotter.span)
    assert spans[4:14] == [5 * HOP] * 10
    assert spans[14] == 1  # the window that ends with the 15th hop sounds like a word
    assert spans[15] == 5 * HOP
    assert classifier.asked == [1, 4, 9, 14, 13, 15, 19, 24, 29]


def test_the_grid_begins_anew_each_time_the_gate_opens() -> None:
    rows = np.tile(np.array([[0.1, 0.1, 0.8]], np.float32), (30, 1))
    opens = [False] * 5 + [True] * 4 + [False] * 11 + [True] * 10
    _, asked = events(rows, [1] * 30, 2, opens, coarse=5 * HOP)
    assert [number for number in asked if number < 30] == [6, 21, 24, 29]  # no word ends with the first window


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
    assert _but_near_misses(found[0]) == _but_near_misses(found[1])


def test_a_word_across_other_settings_is_heard() -> None:
    rows = np.tile(np.array([[0.1, 0.1, 0.8]], np.float32), (30, 1))
    rows[11:16] = [1.0, 0.0, 0.0]
    for place in range(10, 16):
        spotter = Spotter(Told(rows), gate=None, trigger=TriggerSettings({"yes": 0.9}, smoothing=1), coarse=5 * HOP)
        assert spotter.span == 1
        found = spotter.feed([window("one", number) for number in range(place)])
        assert spotter.span == 1
        spotter.adopt(gate=None, trigger=TriggerSettings({"yes": 0.9}), coarse=5 * HOP)
        found += [event for number in range(place, 30) for event in spotter.feed([window("one", number)])]
        assert len(found) == 1, place
        assert spotter.span == 5 * HOP


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

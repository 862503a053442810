"""Which windows are looked at while nothing is like a word, and when the worker has to wake for the next one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from told_scores import HOP, LEVELS, Told, ToldGate, events, window

from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings


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
    yes = data.draw(st.lists(st.sampled_from(LEVELS), min_size=count, max_size=count))
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

"""The second model is asked where the first hears a word, and has a say there and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.errors import ModelError
from kwsd.networks import cascade
from kwsd.networks.cascade import Cascade, pooled

LABELS = ("yes", "no", "_unknown_", "_silence_")


class Fixed:
    """Says of each window what stands in its table for the window's first sample."""

    device = "cpu"

    def __init__(self, name: str, table: dict[int, Sequence[float]], labels: tuple[str, ...] = LABELS) -> None:
        self.name, self.labels, self._table = name, labels, table
        self.seen: list[int] = []

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        firsts = [int(window[0]) for window in windows]
        self.seen += firsts
        return np.array([self._table[first] for first in firsts], np.float32).reshape(-1, len(self.labels))


FIRST = {0: (0.01, 0.02, 0.90, 0.07), 1: (0.90, 0.02, 0.07, 0.01), 2: (0.02, 0.30, 0.60, 0.08)}


def windows(*firsts: int) -> NDArray[np.float32]:
    return np.array([[first, 0] for first in firsts], np.float32)


def test_it_is_asked_about_possible_words_alone() -> None:
    second = Fixed("second", {1: (0.90, 0.02, 0.07, 0.01), 2: (0.02, 0.30, 0.60, 0.08)})
    both = Cascade(Fixed("first", FIRST), second, asked_from=0.3, weight=0.6)
    scores = both.score(windows(0, 1, 0, 2))
    assert second.seen == [1, 2]
    assert both.asked == 2
    assert scores[[0, 2]].tolist() == np.array([FIRST[0]] * 2, np.float32).tolist()
    assert np.allclose(scores[[1, 3]], [FIRST[1], FIRST[2]], atol=1e-6)  # both are of one opinion


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], Fixed]:
    """slow("first", 10): a network that takes ten seconds for each window."""
    spent_s = 0.0
    monkeypatch.setattr(cascade, "time", SimpleNamespace(process_time=lambda: spent_s))

    def make(name: str, takes_s: int) -> Fixed:
        class Slow(Fixed):
            def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
                nonlocal spent_s
                spent_s += len(windows) * takes_s
                return super().score(windows)

        return Slow(name, FIRST)

    return make


def test_a_window_that_is_verified_costs_what_both_took_for_it(slow: Callable[[str, int], Fixed]) -> None:
    both = Cascade(slow("first", 1), slow("second", 10), asked_from=0.3, weight=0.6)
    scores, cost = both.timed(windows(0, 1, 0, 2))
    assert cost.tolist() == [1, 11, 1, 11]
    assert scores.tolist() == both.score(windows(0, 1, 0, 2)).tolist()
    assert both.timed(windows(0))[1].tolist() == [1]


def test_a_third_network_costs_only_the_windows_that_it_is_asked_about(slow: Callable[[str, int], Fixed]) -> None:
    larger = Cascade(slow("second", 10), slow("third", 100), asked_from=0.5, weight=0.5)
    cost = Cascade(slow("first", 1), larger, asked_from=0.3, weight=0.6).timed(windows(0, 1, 0, 2))[1]
    assert cost.tolist() == [1, 111, 1, 11]


def test_what_one_of_them_mistakes_for_a_word_gets_a_low_score() -> None:
    second = Fixed("second", {1: (0.01, 0.02, 0.90, 0.07)})
    scores = Cascade(Fixed("first", FIRST), second, asked_from=0.3, weight=0.5).score(windows(1))
    by_hand = np.sqrt(np.array(FIRST[1]) * [0.01, 0.02, 0.90, 0.07])
    assert np.allclose(scores[0], by_hand / by_hand.sum(), atol=1e-6)
    assert scores[0, 0] < 0.3


def test_each_of_them_hears_the_newest_part_of_a_window() -> None:
    class Long(Fixed):
        def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
            assert windows.shape[1] == 5
            return super().score(windows[:, 3:])

    second = Long("second", {1: (0.90, 0.02, 0.07, 0.01)})
    both = Cascade(Fixed("first", FIRST), second, asked_from=0.3, weight=0.5, hear=(2, 5))
    scores = both.score(np.array([[7, 7, 7, 7, 0, 0], [7, 7, 7, 7, 1, 0]], np.float32))
    assert second.seen == [1]
    assert np.allclose(scores, [FIRST[0], FIRST[1]], atol=1e-6)


def test_its_labels_may_stand_in_another_order() -> None:
    second = Fixed("second", {1: (0.01, 0.90, 0.07, 0.02)}, ("_silence_", "yes", "_unknown_", "no"))
    scores = Cascade(Fixed("first", FIRST), second, asked_from=0.3, weight=1.0).score(windows(1))
    assert np.allclose(scores[0], (0.90, 0.02, 0.07, 0.01), atol=1e-6)


def test_models_of_other_words_do_not_go_together() -> None:
    second = Fixed("second", {}, ("yes", "stop", "_unknown_", "_silence_"))
    with pytest.raises(ModelError, match="cannot verify first, because it has other labels"):
        Cascade(Fixed("first", FIRST), second, asked_from=0.3, weight=0.5)


def test_of_a_word_that_it_does_not_know_the_second_says_nothing() -> None:
    labels = ("yes", "new", "no", "_unknown_", "_silence_")
    table = {0: (0.01, 0.90, 0.02, 0.05, 0.02), 1: (0.40, 0.20, 0.10, 0.20, 0.10)}
    second = Fixed("second", {1: (0.10, 0.10, 0.70, 0.10)})
    scores = Cascade(Fixed("first", table, labels), second, asked_from=0.3, weight=1.0).score(windows(0, 1))
    assert second.seen == [1]  # what the first hears in the other is none of its business
    assert np.allclose(scores, [table[0], (0.08, 0.20, 0.08, 0.56, 0.08)], atol=1e-6)


def test_a_second_that_knows_nothing_but_words_does_not_go_with_it() -> None:
    with pytest.raises(ModelError, match="cannot verify first, because it has other labels"):
        Cascade(Fixed("first", FIRST), Fixed("second", {}, ("yes", "no", "_silence_")), asked_from=0.3, weight=0.5)


def test_no_windows_no_question() -> None:
    second = Fixed("second", {})
    scores = Cascade(Fixed("first", FIRST), second, asked_from=0.3, weight=0.5).score(np.zeros((0, 2), np.float32))
    assert scores.shape == (0, 4)
    assert second.seen == []


def test_certainty_on_both_sides_is_no_division_by_zero() -> None:
    sure = np.array([[1, 0, 0, 0]], np.float32)
    against = np.array([[0, 1, 0, 0]], np.float32)
    assert np.allclose(pooled((sure, against), (0.5, 0.5)), [[0.5, 0.5, 0, 0]], atol=1e-5)

"""What a card may hold, up to the edges."""

from __future__ import annotations

import math

import pytest

from kwsd.cards.allowed import is_cost, is_latest, is_name, is_share, is_smoothing, is_threshold
from kwsd.config.sections import LOWEST, MOST_SMOOTHING


@pytest.mark.parametrize(
    ("value", "right"),
    [("a", True), (100 * "a", True), (101 * "a", False), ("", False), ("  ", False), ("a\n", False), (7, False)],
)
def test_a_name_is_short_and_can_be_seen(value: object, right: bool) -> None:
    assert is_name(value) == right


@pytest.mark.parametrize(
    ("value", "right"),
    [(1, True), (MOST_SMOOTHING, True), (MOST_SMOOTHING + 1, False), (0, False), (True, False), (2.0, False)],
)
def test_scores_are_averaged_over_whole_windows(value: object, right: bool) -> None:
    assert is_smoothing(value) == right


@pytest.mark.parametrize(
    ("value", "right"),
    [(LOWEST, True), (LOWEST / 2, False), (1, True), (1.0, True), (1.001, False), (True, False), (math.nan, False)],
)
def test_a_threshold_can_be_reached_and_left(value: object, right: bool) -> None:
    assert is_threshold(value) == right


@pytest.mark.parametrize(
    ("value", "share", "cost"),
    [
        (0, True, False), (0.5, True, True), (1, True, True), (1.01, False, False), (-0.1, False, False),
        (False, False, False), ("1", False, False), (math.nan, False, False),
    ],
)  # fmt: skip
def test_a_share_may_be_nothing_and_a_cost_may_not(value: object, share: bool, cost: bool) -> None:
    assert (is_share(value), is_cost(value)) == (share, cost)


@pytest.mark.parametrize(
    ("value", "right"), [(None, True), (1, True), (60_000, True), (60_001, False), (0, False), (True, False)]
)
def test_a_word_has_a_minute_at_most(value: object, right: bool) -> None:
    assert is_latest(value) == right

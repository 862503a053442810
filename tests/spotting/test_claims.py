"""What a word fires by: sure that a word was said, less strictly sure which."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kwsd.audio.windowing.window import Window
from kwsd.events import Detection
from kwsd.spotting.claims import claims
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

LABELS = ("off", "up", "dog", "_unknown_", "_silence_")
OURS = ("off", "up")


def rows(*scores: tuple[float, ...]) -> np.ndarray:
    return np.array(scores, np.float32)


def test_another_word_counts_a_part_of_what_no_word_does() -> None:
    found = claims(rows((0.6, 0.3, 0, 0.08, 0.02)), LABELS, OURS, 0.1)
    assert found[0] == pytest.approx([0.6 / (0.6 + 0.1 + 0.03), 0.3, 0, 0.08, 0.02])


def test_a_word_that_was_surely_said_fires_though_it_may_have_been_another() -> None:
    certain = rows((0.9, 0.0999, 0, 0.0001, 0), (0.999, 0, 0, 0.001, 0), (0.5, 0.5, 0, 0, 0))
    assert (claims(certain, LABELS, OURS, 0.1)[:, 0] > 0.985).tolist() == [True, True, False]
    assert claims(rows((0.9, 0, 0, 0.1, 0)), LABELS, OURS, 0.1)[0, 0] == pytest.approx(0.9)


def test_a_word_that_nobody_listens_for_is_talk() -> None:
    heard = rows((0.6, 0, 0.4, 0, 0))
    assert claims(heard, LABELS, OURS, 0.1)[0, 0] == pytest.approx(0.6)
    assert claims(heard, LABELS, ("off", "dog"), 0.1)[0, 0] == pytest.approx(0.6 / 0.64)


def test_the_less_likely_of_two_words_claims_nothing_for_it() -> None:
    assert claims(rows((0.4, 0.6, 0, 0, 0)), LABELS, OURS, 0.1)[0] == pytest.approx([0.4, 0.6 / 0.64, 0, 0, 0])


def test_at_the_cost_of_one_it_is_the_probability() -> None:
    given_rows = rows((0.6, 0.3, 0, 0.08, 0.02))
    assert claims(given_rows, LABELS, OURS, 1.0) is given_rows


def test_what_nobody_scored_claims_nothing() -> None:
    assert not claims(np.zeros((2, 5), np.float32), LABELS, OURS, 0.1).any()


@given(arrays(np.float64, (3, 5), elements=st.floats(0, 1)), st.floats(0.01, 1))
def test_a_claim_lies_between_the_probability_and_one(raw: np.ndarray, substitution: float) -> None:
    scores = ((raw + 1e-9) / (raw + 1e-9).sum(axis=1, keepdims=True)).astype(np.float32)
    found = claims(scores, LABELS, OURS, substitution)
    assert (found[:, :2] <= 1).all()
    assert (found[:, :2] >= scores[:, :2] - 1e-6).all()
    assert (found[:, 2:] == scores[:, 2:]).all()


def test_the_last_digit_does_not_depend_on_how_many_are_scored_at_once() -> None:
    words = tuple(f"word{number}" for number in range(35))
    odds = np.random.default_rng(1).normal(0, 3, (64, 37))
    scores = (np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)).astype(np.float32)
    labels = (*words, "_unknown_", "_silence_")
    at_once = claims(scores, labels, words, 0.1)
    one_by_one = np.concatenate([claims(scores[row : row + 1], labels, words, 0.1) for row in range(64)])
    assert (at_once == one_by_one).all()


class Fixed:
    """Hears "off", or perhaps "up", in every window."""

    labels, name = LABELS, "fixed"

    def score(self, windows: np.ndarray) -> np.ndarray:
        return np.tile(rows((0.9, 0.0999, 0, 0.0001, 0)), (len(windows), 1))


DUE = [Window("one", end, np.zeros(16_000, np.int16), hop=800) for end in (800, 1600, 2400)]


@pytest.mark.parametrize(
    ("thresholds", "substitution", "fires"),
    [
        ({"off": 0.985, "up": 0.985}, 1.0, False),
        ({"off": 0.985, "up": 0.985}, 0.1, True),
        ({"off": 0.985}, 0.1, False),
    ],
)
def test_the_spotter_fires_by_the_claims_of_what_it_listens_for(
    thresholds: dict[str, float], substitution: float, fires: bool
) -> None:
    trigger = TriggerSettings(thresholds, smoothing=2, substitution=substitution)
    events = Spotter(Fixed(), gate=None, trigger=trigger).feed(DUE)
    assert [event.word for event in events if isinstance(event, Detection)] == ["off"] * fires


def test_other_words_that_a_reload_brings_have_their_say() -> None:
    spotter = Spotter(Fixed(), gate=None, trigger=TriggerSettings({"off": 0.985}, substitution=0.1))
    assert not spotter.feed(DUE[:1])
    spotter.adopt(gate=None, trigger=TriggerSettings({"off": 0.985, "up": 0.985}, substitution=0.1))
    assert not spotter.feed(DUE[1:2])  # half of the mean is from before
    assert [event.word for event in spotter.feed(DUE[2:]) if isinstance(event, Detection)] == ["off"]

"""What a word fires by: sure that a word was said, less strictly sure which."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kwsd.audio.windows import Window
from kwsd.events import Detection
from kwsd.spotting.claims import claims
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.trigger import TriggerSettings

LABELS = ("off", "up", "_unknown_", "_silence_")


def rows(*scores: tuple[float, ...]) -> np.ndarray:
    return np.array(scores, np.float32)


def test_another_word_counts_a_part_of_what_no_word_does() -> None:
    found = claims(rows((0.6, 0.3, 0.08, 0.02)), LABELS, 0.1)
    assert found[0] == pytest.approx([0.6 / (0.6 + 0.1 + 0.03), 0.3 / (0.3 + 0.1 + 0.06), 0.08, 0.02])


def test_a_word_that_was_surely_said_fires_though_it_may_have_been_another() -> None:
    certain = rows((0.9, 0.0999, 0.0001, 0), (0.999, 0, 0.001, 0), (0.5, 0.5, 0, 0))
    assert (claims(certain, LABELS, 0.1)[:, 0] > 0.985).tolist() == [True, True, False]
    assert claims(rows((0.9, 0, 0.1, 0)), LABELS, 0.1)[0, 0] == pytest.approx(0.9)


def test_at_the_cost_of_one_it_is_the_probability() -> None:
    given_rows = rows((0.6, 0.3, 0.08, 0.02))
    assert claims(given_rows, LABELS, 1.0) is given_rows


def test_what_nobody_scored_claims_nothing() -> None:
    assert not claims(np.zeros((2, 4), np.float32), LABELS, 0.1).any()


@given(arrays(np.float64, (3, 4), elements=st.floats(0, 1)), st.floats(0.01, 1))
def test_a_claim_lies_between_the_probability_and_one(raw: np.ndarray, substitution: float) -> None:
    scores = ((raw + 1e-9) / (raw + 1e-9).sum(axis=1, keepdims=True)).astype(np.float32)
    found = claims(scores, LABELS, substitution)
    assert (found[:, :2] <= 1).all()
    assert (found[:, :2] >= scores[:, :2] - 1e-6).all()
    assert (found[:, 2:] == scores[:, 2:]).all()


class Fixed:
    """Hears "off", or perhaps "up", in every window."""

    labels, name = LABELS, "fixed"

    def score(self, windows: np.ndarray) -> np.ndarray:
        return np.tile(rows((0.9, 0.0999, 0.0001, 0)), (len(windows), 1))


@pytest.mark.parametrize(("substitution", "fires"), [(1.0, False), (0.1, True)])
def test_the_spotter_fires_by_claims(substitution: float, fires: bool) -> None:
    trigger = TriggerSettings({"off": 0.985, "up": 0.985}, smoothing=2, substitution=substitution)
    due = [Window("one", end, np.zeros(16_000, np.int16), hop=800) for end in (800, 1600, 2400)]
    events = Spotter(Fixed(), gate=None, trigger=trigger).feed(due)
    assert [event.word for event in events if isinstance(event, Detection)] == ["off"] * fires


def test_a_reload_brings_its_own_cost() -> None:
    spotter = Spotter(Fixed(), gate=None, trigger=TriggerSettings({"off": 0.985}))
    spotter.adopt(gate=None, trigger=TriggerSettings({"off": 0.985}, substitution=0.1))
    due = [Window("one", end, np.zeros(16_000, np.int16), hop=800) for end in (800, 1600, 2400)]
    assert any(isinstance(event, Detection) for event in spotter.feed(due))

"""Automatic gain control raises what is soft, is surprised by what is loud, and leaves silence alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.training.augmentation.gain_control import controlled

Floats = NDArray[np.float32]


@pytest.fixture
def word() -> Floats:
    """Half a second of faint noise, then half a second a hundred times as loud."""
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    noise[:8000] /= 100
    return noise


def power(samples: Floats) -> float:
    return float(np.square(samples).mean())


@pytest.mark.parametrize("length", [16_000, 15_999, 32_000, 70])
def test_a_window_keeps_its_length_and_type(length: int) -> None:
    window = np.random.default_rng(2).normal(0, 0.1, length).astype(np.float32)
    for seed in range(20):
        heard = controlled(window, np.random.default_rng(seed))
        assert heard.shape == (length,)
        assert heard.dtype == np.float32
        assert np.isfinite(heard).all()


def test_what_is_soft_is_raised_by_6_to_30_db_and_nothing_is_made_softer(word: Floats) -> None:
    raised = []
    for seed in range(100):
        heard = controlled(word, np.random.default_rng(seed))
        raised.append(10 * np.log10(power(heard[6000:7900]) / power(word[6000:7900])))
        assert power(heard[12_000:]) > 0.9 * power(word[12_000:])
    assert max(raised) < 30.1
    assert min(raised) > 0
    assert np.percentile(raised, 90) > 20


def test_a_sudden_word_comes_too_loud_until_it_is_noticed(word: Floats) -> None:
    louder = []
    for seed in range(100):
        heard = controlled(word, np.random.default_rng(seed))
        louder.append(power(heard[8000:8040]) / power(heard[15_000:]))
    assert np.median(louder) > 1.5


def test_silence_stays_silent() -> None:
    silence = np.zeros(16_000, np.float32)
    assert not controlled(silence, np.random.default_rng(1)).any()


def test_a_faint_window_is_controlled_too() -> None:
    faint = np.random.default_rng(3).normal(0, 1e-4, 16_000).astype(np.float32)
    assert not np.array_equal(controlled(faint, np.random.default_rng(1)), faint)


def test_after_a_word_the_noise_comes_up_slowly(word: Floats) -> None:
    late = []
    for seed in range(100):
        heard = controlled(word[::-1].copy(), np.random.default_rng(seed))
        late.append(power(heard[8_080:8_400]) / power(heard[15_000:]))
    assert np.median(late) < 0.5


def test_a_click_is_limited_to_15_db_above_the_loudest_5_ms() -> None:
    click = np.zeros(16_000, np.float32)
    click[8_000] = 1
    for seed in range(20):
        heard = controlled(click, np.random.default_rng(seed))
        assert 0 < np.abs(heard).max() <= 80**-0.5 * 10 ** (15 / 20) + 1e-6

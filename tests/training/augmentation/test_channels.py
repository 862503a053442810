"""Rooms and microphones that training hears through: of unit energy, prompt, and as live as they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.samples import RATE
from kwsd.training.augmentation.channels import TAPS, channel_bank, through


def falls_by_60_db(response: NDArray[np.float32]) -> float:
    """Seconds, from how the energy that is left falls from -5 to -25 dB (Schroeder 1965)."""
    left = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
    level = 10 * np.log10(left / left[0] + 1e-12)
    return float(3 * (np.argmax(level < -25) - np.argmax(level < -5)) / RATE)


@pytest.mark.parametrize("late", [False, True])
def test_a_bank_is_the_same_for_the_same_seed_and_of_unit_energy(late: bool) -> None:
    bank = channel_bank(12, 3, late=late)
    assert bank.shape == (12, 2 * TAPS if late else TAPS)
    assert bank.dtype == np.float32
    assert np.array_equal(bank, channel_bank(12, 3, late=late))
    assert not np.array_equal(bank, channel_bank(12, 4, late=late))
    np.testing.assert_allclose(np.sum(bank**2, axis=1), 1, rtol=1e-4)
    assert (np.abs(bank) > 0.1 * np.abs(bank).max(axis=1, keepdims=True)).argmax(axis=1).max() < 6 * RATE // 1000


def test_rooms_with_late_reverberation_ring_as_living_rooms_do() -> None:
    dry, live = (
        np.array([falls_by_60_db(response) for response in channel_bank(80, 5, late=late)[1::2]])
        for late in (False, True)
    )
    assert dry.max() < 0.3
    assert np.median(live) > 1.5 * np.median(dry)
    assert (live > 0.5).mean() > 0.1
    assert live.max() < 2


def test_the_tail_goes_on_where_the_echoes_end() -> None:
    rooms = channel_bank(80, 5, late=True)[1::2].astype(np.float64)
    early, later = (np.sum(rooms[:, 16 + a * 16 : 16 + b * 16] ** 2, axis=1) for a, b in ((35, 50), (50, 65)))
    assert 0.1 < np.median(later / early) < 1


def test_a_window_is_as_long_as_before() -> None:
    window = np.zeros(1_000, np.float32)
    window[100] = 1
    heard = through(window, np.array([0, 1, 0.5], np.float32))
    assert heard.shape == window.shape
    np.testing.assert_allclose(heard[100:104], [0, 1, 0.5, 0], atol=1e-6)


def test_one_channel_in_eight_is_a_telephones() -> None:
    bank = channel_bank(16, 3)
    powers = np.abs(np.fft.rfft(bank, axis=1)) ** 2  # a bin every 3.9 Hz
    high, speech = powers[:, 1500:].mean(axis=1), powers[:, 200:500].mean(axis=1)
    assert np.flatnonzero(high < 1e-2 * speech).tolist() == [0, 8]

from __future__ import annotations

import math

import numpy as np
import pytest

from kwsd.audio.mixing import mean_power, mix_at_snr, noise_gain


def test_mean_power_counts_int16_at_full_scale_one() -> None:
    square = np.array([16384, -16384] * 50, np.int16)
    assert mean_power(square) == pytest.approx(0.25)
    assert mean_power(square.astype(np.float32) / 32768) == pytest.approx(0.25)
    assert mean_power(np.zeros(0, np.int16)) == 0.0


@pytest.mark.parametrize("snr_db", [20.0, 5.0, 0.0, -10.0])
def test_the_mixture_has_the_stated_ratio(snr_db: float) -> None:
    random = np.random.default_rng(1)
    signal = (random.normal(size=16_000) * 3000).astype(np.int16)
    noise = (random.normal(size=16_000) * 0.3).astype(np.float32)
    mixed = mix_at_snr(signal, noise, snr_db)
    assert mixed.dtype == np.float32
    under = mixed - signal.astype(np.float32) / 32768
    assert 10 * math.log10(mean_power(signal) / mean_power(under)) == pytest.approx(snr_db, abs=0.01)


def test_short_noise_is_repeated_and_long_noise_cut() -> None:
    signal = np.ones(5, np.float32)
    under = mix_at_snr(signal, np.array([1.0, -1.0], np.float32), 0.0) - signal
    np.testing.assert_allclose(under, [1, -1, 1, -1, 1], atol=1e-6)
    assert len(mix_at_snr(signal, np.ones(99, np.float32), 0.0)) == 5


def test_silence_has_no_ratio_and_stays_as_it_is() -> None:
    signal = np.full(10, 0.5, np.float32)
    np.testing.assert_array_equal(mix_at_snr(signal, np.zeros(10, np.float32), 10), signal)
    np.testing.assert_array_equal(mix_at_snr(np.zeros(10, np.float32), signal, 10), np.zeros(10))
    assert noise_gain(0.0, 1.0, 10) == 0.0


def test_no_noise_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="no noise"):
        mix_at_snr(np.ones(5, np.float32), np.zeros(0, np.float32), 10)

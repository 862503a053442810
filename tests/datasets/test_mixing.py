from __future__ import annotations

import math

import numpy as np
import pytest

from kwsd.datasets.mixing import mean_power, noise_gain


def test_mean_power_counts_int16_at_full_scale_one() -> None:
    square = np.array([16384, -16384] * 50, np.int16)
    assert mean_power(square) == pytest.approx(0.25)
    assert mean_power(square.astype(np.float32) / 32768) == pytest.approx(0.25)
    assert mean_power(np.zeros(0, np.int16)) == 0.0


def test_an_offset_has_no_power() -> None:
    square = np.array([16384, -16384] * 50, np.int16)
    assert mean_power(square + np.int16(5000)) == pytest.approx(0.25)


@pytest.mark.parametrize("snr_db", [20.0, 5.0, 0.0, -10.0])
def test_noise_under_a_signal_has_the_stated_ratio(snr_db: float) -> None:
    random = np.random.default_rng(1)
    signal = (random.normal(size=16_000) * 3000).astype(np.int16)
    noise = (random.normal(size=16_000) * 0.3).astype(np.float32)
    under = noise * np.float32(noise_gain(mean_power(signal), mean_power(noise), snr_db))
    assert 10 * math.log10(mean_power(signal) / mean_power(under)) == pytest.approx(snr_db, abs=0.01)


def test_silence_has_no_ratio() -> None:
    assert noise_gain(0.0, 1.0, 10) == noise_gain(1.0, 0.0, 10) == 0.0

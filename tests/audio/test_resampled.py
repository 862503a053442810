"""Clips at another rate."""

from __future__ import annotations

import numpy as np
import pytest

from kwsd.audio.resample import resampled


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_a_tone_stays_a_tone(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    clips = np.stack([tone, 0.5 * tone])
    heard = resampled(clips, 16_000, rate)
    expected = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    assert heard.shape == (2, rate)
    assert heard.dtype == np.float32
    middle = slice(rate // 10, -rate // 10)
    np.testing.assert_allclose(heard[0, middle], expected[middle], atol=1e-3)
    np.testing.assert_allclose(heard[1, middle], expected[middle] / 2, atol=1e-3)

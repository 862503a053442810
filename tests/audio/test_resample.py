from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio import resample
from kwsd.audio.resample import Resampler
from kwsd.audio.scale import to_float


def tone(rate: int, hertz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def resampled(rate: int, samples: NDArray[np.float32], block: int) -> NDArray[np.int16]:
    resampler = Resampler(rate)
    parts = [resampler.feed(samples[at : at + block]) for at in range(0, len(samples), block)]
    return np.concatenate([*parts, resampler.flush()])


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_keeps_its_length_pitch_and_level(rate: int) -> None:
    heard = to_float(resampled(rate, tone(rate, 1000), rate // 50))
    assert len(heard) == 16_000
    inner = slice(800, -800)  # the edges ring
    np.testing.assert_allclose(heard[inner], tone(16_000, 1000)[inner], atol=2e-3)


def test_block_sizes_do_not_matter() -> None:
    samples = np.random.default_rng(2).normal(scale=0.1, size=44_100).astype(np.float32)
    whole = resampled(44_100, samples, 44_100)
    for block in (97, 882, 30_000):
        np.testing.assert_array_equal(resampled(44_100, samples, block), whole)


def test_what_16_khz_cannot_hold_is_filtered_out_not_folded_back() -> None:
    heard = to_float(resampled(48_000, tone(48_000, 11_000), 960))
    assert np.abs(heard[800:-800]).max() < 1e-3


def test_channels_are_averaged() -> None:
    both = np.stack([np.full(10, 0.5), np.full(10, 0.25)], axis=1).astype(np.float32)
    assert Resampler(16_000).feed(both).tolist() == [12_288] * 10


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="0 is not a sample rate"):
        Resampler(0)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_clips_at_another_rate_stay_what_they_were(rate: int) -> None:
    loud = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    clips = np.stack([loud, 0.5 * loud])
    heard = resample.resampled(clips, 16_000, rate)
    expected = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    assert heard.shape == (2, rate)
    assert heard.dtype == np.float32
    middle = slice(rate // 10, -rate // 10)
    np.testing.assert_allclose(heard[0, middle], expected[middle], atol=1e-3)
    np.testing.assert_allclose(heard[1, middle], expected[middle] / 2, atol=1e-3)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_no_clips_stay_none(rate: int) -> None:
    assert resample.resampled(np.zeros((0, 16_000), np.float32), 16_000, rate).shape == (0, rate)

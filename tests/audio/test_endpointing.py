"""The extent of a word is where its energy is, closures included."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.endpointing import begin_of_speech, cut_window, levels, speech_extent, speech_within

RNG = np.random.default_rng(9)


def clip(*bursts: tuple[int, int], noise: float = 3.0) -> NDArray[np.int16]:
    """A second of faint noise with loud bursts at (start, end)."""
    samples = RNG.normal(0, noise, 16_000)
    for start, end in bursts:
        samples[start:end] += RNG.normal(0, 3000, end - start)
    return samples.astype(np.int16)


@pytest.mark.parametrize(("start", "end"), [(4000, 10_000), (0, 5000), (11_000, 16_000)])
def test_one_burst(start: int, end: int) -> None:
    first, last = speech_extent(clip((start, end)))
    assert abs(first - start) <= 320
    assert abs(last - end) <= 320


def test_speech_lasts_to_the_end_of_what_is_heard_where_nothing_follows() -> None:
    assert speech_extent(clip((11_000, 16_000)))[1] == 16_000
    assert speech_within(clip((11_000, 16_000)), 8000)[1] == 16_000
    assert speech_extent(clip((0, 5000)))[0] == 0


def test_a_closure_belongs_to_the_word() -> None:
    first, last = speech_extent(clip((4000, 8000), (9600, 10_400)))
    assert abs(first - 4000) <= 320
    assert abs(last - 10_400) <= 320


def test_another_word_does_not() -> None:
    first, last = speech_extent(clip((1000, 5000), (10_000, 11_000)))
    assert abs(first - 1000) <= 320
    assert abs(last - 5000) <= 320


@pytest.mark.parametrize("click", [600, 14_000])
def test_a_click_is_not_the_word_however_loud(click: int) -> None:
    samples = clip((5000, 10_000))
    samples[click : click + 160] = 30_000
    first, last = speech_extent(samples)
    assert abs(first - 5000) <= 320
    assert abs(last - 10_000) <= 320


def test_steady_noise_does_not_stretch_a_word() -> None:
    first, last = speech_extent(clip((6000, 9000), noise=200.0))
    assert abs(first - 6000) <= 480
    assert abs(last - 9000) <= 480


@pytest.mark.parametrize("silent", [slice(0, 3000), slice(13_000, None)])
@pytest.mark.parametrize("noise", [20.0, 100.0])
def test_a_room_that_is_muted_for_a_while_is_no_speech_in_the_rest(silent: slice, noise: float) -> None:
    samples = clip((6000, 9000), noise=noise)
    samples[silent] = 0
    first, last = speech_extent(samples)
    assert abs(first - 6000) <= 480
    assert abs(last - 9000) <= 480


def test_what_a_codec_makes_of_silence_is_silence_too() -> None:
    samples = clip((6000, 9000), noise=50.0)
    samples[:3000] = RNG.random(3000) < 0.1  # a step now and then
    first, last = speech_extent(samples)
    assert abs(first - 6000) <= 480
    assert abs(last - 9000) <= 480


def test_a_word_in_digital_silence_keeps_its_soft_end() -> None:
    """The hiss of a synthetic "off" is steady, and no room's."""
    samples = np.zeros(16_000)
    samples[4000:7000] = 6000 * np.sin(2 * np.pi * 300 * np.arange(3000) / 16_000)
    samples[7000:11_000] = RNG.normal(0, 150, 4000)
    first, last = speech_extent(samples.astype(np.int16))
    assert abs(first - 4000) <= 320
    assert abs(last - 11_000) <= 320


def test_a_word_in_digital_silence_that_swells_and_fades_is_whole() -> None:
    """Its vowel stays within a few decibels for longer than a room's noise has to, but is too loud for one."""
    samples = np.zeros(16_000)
    loudness_db = np.interp(np.arange(9000), [0, 2500, 4500, 6500, 9000], [40, 74, 77, 74, 40])
    samples[4000:13_000] = 10 ** (loudness_db / 20) * np.sin(2 * np.pi * 300 * np.arange(9000) / 16_000)
    first, last = speech_extent(samples.astype(np.int16))
    assert abs(first - 4000) <= 320
    assert abs(last - 13_000) <= 320


def test_an_offset_changes_nothing() -> None:
    samples = clip((6000, 9000))
    assert speech_extent(samples + np.int16(3000)) == speech_extent(samples)


@pytest.mark.parametrize("rate", [1, 4, 10])
def test_what_rumbles_below_the_voice_changes_nothing(rate: int) -> None:
    samples = clip((6000, 9000), noise=20.0)
    rumble = 3000 * np.cos(2 * np.pi * rate * np.arange(len(samples)) / 16_000)
    first, last = speech_extent(samples + rumble.astype(np.int16))
    assert abs(first - 6000) <= 320
    assert abs(last - 9000) <= 320


def test_a_recording_that_begins_within_a_rumble_does_not_begin_with_speech() -> None:
    samples = clip((2000, 6000), noise=20.0)
    rumble = 4000 * np.cos(2 * np.pi * 2 * np.arange(len(samples)) / 16_000)
    assert abs(speech_extent(samples + rumble.astype(np.int16))[0] - 2000) <= 320


def test_a_phrase_is_held_whole() -> None:
    samples = np.concatenate([clip((14_000, 16_000)), clip((3000, 9000)), clip()])
    first, last = speech_within(samples, 16_000)
    assert abs(first - 14_000) <= 320
    assert abs(last - 25_000) <= 320
    assert abs(speech_extent(samples)[0] - 19_000) <= 320


def test_of_what_is_longer_the_loudest_part_is_held() -> None:
    samples = np.concatenate([clip((0, 16_000)), clip((0, 16_000)), clip()])
    samples[20_000:30_000] = np.clip(samples[20_000:30_000] * 3.0, -32_768, 32_767)
    first, last = speech_within(samples, 16_000)
    assert last - first == 16_000
    assert first <= 20_320
    assert last >= 29_680


@pytest.mark.parametrize("length", [0, 1, 100, 479])
def test_too_short_to_tell_is_taken_whole(length: int) -> None:
    assert speech_extent(np.ones(length, np.int16)) == (0, length)


def test_nothing_stands_out_of_silence() -> None:
    assert speech_extent(np.zeros(16_000, np.int16)) == (0, 16_000)
    assert speech_within(np.zeros(16_000, np.int16), 8000) == (0, 16_000)
    assert speech_extent(np.full(16_000, -10_746, np.int16)) == (
        0,
        16_000,
    )  # a dead input: nor out of its rounding errors


def test_a_soft_hiss_at_the_end_belongs_to_the_word() -> None:
    """As the "f" of "off" lies 35 dB under the vowel, but not under what is heard between words."""
    samples = RNG.normal(0, 0.5, 16_000)
    samples[4000:8000] += 8000 * np.sin(2 * np.pi * 300 * np.arange(4000) / 16_000)
    samples[8000:11_000] += np.diff(RNG.normal(0, 50, 3001))
    first, last = speech_extent(samples.astype(np.int16))
    assert abs(first - 4000) <= 320
    assert abs(last - 11_000) <= 320


def test_levels_are_decibels_of_mean_power_after_the_emphasis() -> None:
    """Of a square wave at half the rate each sample is 1.7 times as large then, of what stands still 0.3 times."""
    square = np.tile(np.array([1000, -1000], np.int16), 800)
    assert levels(square)[5] == pytest.approx(20 * np.log10(1700), abs=0.01)
    assert levels(np.full(1600, 1000, np.int16))[5] == pytest.approx(20 * np.log10(300), abs=0.01)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 2.505])
def test_levels_are_the_same_however_much_is_emphasised_at_once(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    samples = RNG.normal(300, 2000, int(seconds * 16_000)).astype(np.int16)
    whole = levels(samples, 300.0)
    monkeypatch.setattr("kwsd.audio.endpointing._AT_ONCE", 100)
    assert np.array_equal(levels(samples, 300.0), whole)
    assert np.array_equal(levels(samples - np.int16(300)), whole)


def test_a_window_beyond_the_clip_is_silent() -> None:
    clip = np.full(100, 3277, np.int16)
    window = cut_window(clip, -50, 200)
    np.testing.assert_allclose(window, np.r_[np.zeros(50), np.full(100, 0.1), np.zeros(50)], atol=1e-3)


def test_of_two_bursts_the_louder_is_the_word_though_the_other_lasts_longer() -> None:
    samples = RNG.normal(0, 3, 16_000)
    samples[1000:5000] += RNG.normal(0, 150, 4000)
    samples[10_000:13_000] += RNG.normal(0, 5000, 3000)
    first, last = speech_extent(samples.astype(np.int16))
    assert abs(first - 10_000) <= 320
    assert abs(last - 13_000) <= 320


def test_what_is_more_than_40_db_softer_than_the_peak_is_no_speech() -> None:
    samples = np.zeros(16_000)
    samples[4000:8000] = RNG.normal(0, 3000, 4000)
    samples[8000:10_000] = RNG.normal(0, 10, 2000)
    assert abs(speech_extent(samples.astype(np.int16))[1] - 8000) <= 320


def test_a_window_is_centred_on_speech_but_stays_within_a_longer_clip() -> None:
    assert begin_of_speech(clip((4000, 6000))[:8000], 16_000) == -4000
    assert begin_of_speech(clip((0, 2000)), 8000) == 0
    assert begin_of_speech(clip((14_000, 16_000)), 8000) == 8000
    assert abs(begin_of_speech(clip((7000, 9000)), 8000) - 4000) <= 320

"""Silence holds no word, and what is laid under a window neither breaks it nor leaves its range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwsd.audio.endpointing import cut_window
from kwsd.samples import RATE
from kwsd.training.augmentation import noises
from kwsd.training.augmentation.sounds import Floats, Sounds
from kwsd.training.recipe import Mix


def test_a_hard_noise_is_taken_from_its_place(sounds: Sounds) -> None:
    recorded = np.zeros(64_000, np.int16)
    recorded[30_000:46_000] = 10_000
    marked = replace(sounds, noise=replace(sounds.noise, samples=recorded, lengths=np.array([64_000])))
    for seed in range(20):
        window = noises.silence(marked, np.random.default_rng(seed), (0, 30_000))
        assert np.sqrt(np.square(window).mean()) > 0.2


@pytest.mark.parametrize("before", [0, RATE, 3 * RATE])
def test_at_a_faster_pace_a_noise_fills_its_window(sounds: Sounds, before: int) -> None:
    noise = replace(sounds.noise, samples=np.full(10 * RATE, 100, np.int16), lengths=np.array([10 * RATE]))
    longer = replace(sounds, noise=noise, window=before + RATE)
    for seed in range(100):
        window = noises.silence(longer, np.random.default_rng(seed), (0, 6 * RATE))
        assert len(window) == before + RATE
        assert window.min() > 0


def audible(sounds: Sounds) -> Sounds:
    """Noise and speech change their sign with every sample: a constant is only an offset, and no sound."""
    signs = np.where(np.arange(64_000) % 2, 1, -1).astype(np.int16)
    speech, noise = (
        replace(kind, samples=kind.samples * signs[: len(kind.samples)]) for kind in (sounds.speech, sounds.noise)
    )
    return replace(sounds, speech=speech, noise=noise)


def test_another_noise_fills_the_second(sounds: Sounds) -> None:
    sounds = audible(sounds)
    word = cut_window(sounds.words.clip(0), 0, RATE)
    for seed in range(100):
        window = noises.recorded(word, sounds, np.random.default_rng(seed), Mix(noise=1.0, varied_noise=1.0), 1.0)
        assert (window[:400] != 0).mean() > 0.9
        assert (window[-400:] != 0).mean() > 0.9


def test_silence_holds_no_word_and_is_never_broken(sounds: Sounds) -> None:
    """The word is the only sound here that hums at 3.9 kHz, whose tenth part would be heard."""
    hum = (10_000 * np.sin(2 * np.pi * 3900 * np.arange(16_000) / 16_000)).astype(np.int16)
    humming = replace(sounds, words=replace(sounds.words, samples=hum))
    for seed in range(100):
        window = noises.silence(humming, np.random.default_rng(seed))
        assert window.shape == (16_000,)
        assert np.isfinite(window).all()
        around = np.abs(np.fft.rfft(window))[3800:4001]
        assert around[100] < max(80, 20 * np.median(around))


@pytest.mark.parametrize("varied", [0.0, 1.0])
def test_what_is_recorded_stays_in_range(sounds: Sounds, varied: float) -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        window = noises.recorded(noises.silence(sounds, rng), sounds, rng, Mix(noise=1.0, varied_noise=varied), 1.0)
        assert window.dtype == np.float32
        assert np.isfinite(window).all()
        assert np.abs(window).max() <= 1.0


def test_the_noise_may_be_another_than_was_recorded(sounds: Sounds) -> None:
    """The only noise that was recorded here is a constant: what lies before the word moves only under another one."""
    word = cut_window(sounds.words.clip(0), 0, RATE)

    def moves(seed: int, varied: float) -> bool:
        window = noises.recorded(word, sounds, np.random.default_rng(seed), Mix(noise=1.0, varied_noise=varied), 0.0)
        return bool(np.ptp(window[1000:5000]) > 0.03 * np.ptp(window))

    assert not any(moves(seed, 0.0) for seed in range(50))
    assert any(moves(seed, 1.0) for seed in range(50))


def test_a_narrow_range_of_noise_may_be_eased(sounds: Sounds) -> None:
    word = cut_window(sounds.words.clip(0), 0, RATE)
    for seed in range(20):
        window = noises.recorded(word, sounds, np.random.default_rng(seed), Mix(noise=1.0, noise_snr=(20, 25)), 0.0)
        assert np.isfinite(window).all()


def test_noise_lies_as_far_under_the_word_as_is_asked_for(sounds: Sounds) -> None:
    """The clip begins with near-silence, where only the noise is heard."""
    sounds = audible(sounds)
    word = cut_window(sounds.words.clip(0), 0, RATE)

    def share_of_noise(snr: tuple[int, int], talk: float = 0.0, crowd: float = 0.0) -> float:
        loud = Mix(noise=1.0, varied_noise=1.0, noise_snr=snr)
        noise = replace(loud, noise_snr=(12, 12), talk=talk, talk_snr=snr, crowd=crowd) if talk else loud
        heard = (noises.recorded(word, sounds, np.random.default_rng(seed), noise, 1.0) for seed in range(60))
        return float(np.median([np.square(window[:2500]).mean() / np.square(window).mean() for window in heard]))

    loud, faint = share_of_noise((0, 5)), share_of_noise((25, 30))
    assert loud > 20 * faint
    for crowd in (0.0, 1.0):
        assert share_of_noise((0, 5), 1.0, crowd) > 20 * share_of_noise((25, 30), 1.0, crowd)


def test_a_noise_with_an_offset_is_as_loud_as_without(sounds: Sounds) -> None:
    word = cut_window(sounds.words.clip(0), 0, RATE)
    hiss = np.random.default_rng(1).integers(-300, 300, 64_000)

    def heard(offset: int, seed: int) -> Floats:
        noise = replace(sounds.noise, samples=(hiss + offset).astype(np.int16), lengths=np.array([64_000]))
        asked = Mix(noise=1.0, talk=0.0, channel=0.0)
        return noises.recorded(word, replace(sounds, noise=noise), np.random.default_rng(seed), asked, 1.0)

    for seed in range(5):
        np.testing.assert_allclose(heard(9_000, seed), heard(0, seed), atol=1e-4)


def test_under_a_word_with_an_offset_the_noise_is_as_loud_as_without(sounds: Sounds) -> None:
    word = cut_window(sounds.words.clip(0), 0, RATE) / 2
    asked = Mix(noise=1.0, noise_snr=(10, 30), talk=0.0, channel=0.0)
    for seed in range(5):
        plain, shifted = (
            noises.recorded(word + np.float32(offset), audible(sounds), np.random.default_rng(seed), asked, 1.0)
            for offset in (0.0, 0.1)
        )
        assert np.ptp(shifted - plain) < 1e-5


def test_talk_is_a_crowds_as_often_as_is_asked_for(sounds: Sounds) -> None:
    """Each of eight people hums a tone of their own: how many are heard before the word?"""
    word = cut_window(sounds.words.clip(0), 0, RATE)
    time = np.arange(16_000) / 16_000
    hums = np.concatenate([8000 * np.sin(2 * np.pi * 400 * n * time) for n in range(1, 9)]).astype(np.int16)
    starts = np.arange(8) * 16_000
    people = replace(
        sounds.speech.select(np.zeros(8, np.int64)),
        samples=hums,
        starts=starts,
        lengths=np.diff(starts, append=128_000),
    )
    humming = replace(sounds, speech=people)

    def several(crowd: float) -> float:
        noise = Mix(noise=1.0, talk=1.0, talk_snr=(0, 0), channel=0.0, crowd=crowd)
        heard = (noises.recorded(word, humming, np.random.default_rng(seed), noise, 1.0) for seed in range(200))
        tones = [np.abs(np.fft.rfft(window[1000:5000]))[100::100][:8] for window in heard]
        return float(np.mean([np.count_nonzero(tone > tone.max() / 10) > 1 for tone in tones]))

    assert several(0.0) == 0
    assert 0.3 < several(0.5) < 0.6
    assert several(1.0) > 0.85  # a crowd may be two windows of one person


def test_as_many_windows_come_through_a_channel_as_are_asked_for(sounds: Sounds) -> None:
    """One that turns it round, as no noise does."""
    word = cut_window(sounds.words.clip(0), 0, RATE)
    turning = replace(sounds, channels=np.full((1, 1), -1, np.float32))

    def turned(channel: float) -> float:
        noise = Mix(noise=0.0, channel=channel)
        heard = (noises.recorded(word, turning, np.random.default_rng(seed), noise, 1.0) for seed in range(200))
        return float(np.mean([np.dot(window, word) < 0 for window in heard]))

    assert turned(0.0) == 0
    assert 0.4 < turned(0.5) < 0.6
    assert turned(1.0) == 1


def test_a_steady_noise_falls_with_the_pitch_and_lasts() -> None:
    for seed in range(20):
        noise = noises.coloured(np.random.default_rng(seed))
        assert noise.shape == (16_000,)
        assert np.abs(noise).max() == pytest.approx(1.0)
        power = np.abs(np.fft.rfft(noise)) ** 2
        assert power[4000:].mean() <= 1.2 * power[20:400].mean()


def test_noise_is_a_steady_tone_as_often_as_is_asked_for(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only sound here at 3.9 kHz."""
    word = cut_window(sounds.words.clip(0), 0, RATE)
    whine = np.sin(2 * np.pi * 3900 * np.arange(16_000) / 16_000).astype(np.float32)
    monkeypatch.setattr(noises, "tone", lambda _, length: whine[:length])

    def whines(tones: float) -> float:
        noise = Mix(noise=1.0, varied_noise=1.0, noise_snr=(0, 0), talk=0.0, channel=0.0, tones=tones)
        heard = (noises.recorded(word, sounds, np.random.default_rng(seed), noise, 1.0) for seed in range(100))
        spectra = (np.abs(np.fft.rfft(window))[3800:4001] for window in heard)
        return float(np.mean([spectrum[100] > 20 * np.median(spectrum) for spectrum in spectra]))

    assert whines(0.0) == 0
    assert 0.3 < whines(0.5) < 0.7
    assert whines(1.0) == 1


def test_a_tone_is_steady_enough_to_be_one_and_no_two_are_alike() -> None:
    """Most of its power lies in few of 8,000 frequencies, as that of no noise does."""
    tones = [noises.tone(np.random.default_rng(seed), 16_000) for seed in range(100)]
    spectra = np.square(np.abs(np.fft.rfft(tones)))
    narrow = np.sort(spectra)[:, -400:].sum(axis=1) / spectra.sum(axis=1)
    assert np.percentile(narrow, 5) > 0.9
    assert len({int(spectrum.argmax()) for spectrum in spectra}) > 50


def test_gain_is_controlled_as_often_as_is_asked_for(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here by what turns a window round, as nothing else does."""
    word = cut_window(sounds.words.clip(0), 0, RATE)
    monkeypatch.setattr(noises, "controlled", lambda window, _: -window)

    def turned(agc: float) -> float:
        noise = Mix(noise=0.0, channel=0.0, agc=agc)
        heard = (noises.recorded(word, sounds, np.random.default_rng(seed), noise, 1.0) for seed in range(200))
        return float(np.mean([np.dot(window, word) < 0 for window in heard]))

    assert turned(0.0) == 0
    assert 0.4 < turned(0.5) < 0.6
    assert turned(1.0) == 1


def test_a_loud_word_is_cut_off_at_full_scale(sounds: Sounds) -> None:
    word = np.sin(np.arange(RATE) / 10).astype(np.float32)
    heard = [noises.recorded(word, sounds, np.random.default_rng(seed), Mix(noise=0), 1.0) for seed in range(20)]
    assert max(float(np.abs(window).max()) for window in heard) == 1


def test_the_easiest_windows_come_through_no_channel(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noises, "through", lambda *_: pytest.fail("came through a channel"))
    word = cut_window(sounds.words.clip(0), 0, RATE)
    for seed in range(20):
        noises.recorded(word, sounds, np.random.default_rng(seed), Mix(noise=0, channel=1.0), 0.0)

"""A network that hears two seconds is shown what came before the second that counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.training.augmentation import left_context, noises, scenes
from kwsd.training.augmentation.sounds import Sounds
from kwsd.training.recipe import Mix

RATE = 16_000
SEEDS = range(100)


@pytest.fixture
def longer(sounds: Sounds) -> Sounds:
    """The same sounds, for a network that hears two seconds."""
    return replace(sounds, window=2 * RATE)


def drawn() -> Iterator[np.random.Generator]:
    return (np.random.default_rng(seed) for seed in SEEDS)


def loud(sound: NDArray[np.float32]) -> int:
    return int((np.abs(sound) > 0.25).sum())


def test_every_scene_is_as_long_as_the_network_hears(longer: Sounds) -> None:
    noise = Mix(noise=1.0, varied_noise=0.5, noise_snr=(-2, 20))
    for rng in drawn():
        windows = [
            scenes.word(longer, 0, rng, 1.0).window,
            scenes.cut_word(longer, 0, rng),
            scenes.glued(longer, 0, rng),
            scenes.sentence(longer, 0, 30_000, rng).window,
            noises.silence(longer, rng),
            noises.silence(longer, rng, (0, 100)),
        ]
        heard = [noises.recorded(window, longer, rng, noise, 1.0) for window in windows]
        assert {window.shape for window in (*windows, *heard)} == {(2 * RATE,)}
        assert {window.dtype for window in (*windows, *heard)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("hardness", [0.0, 1.0])
def test_the_word_is_whole_in_the_last_second(hardness: float, longer: Sounds) -> None:
    for rng in drawn():
        scene = scenes.word(longer, 0, rng, hardness)
        assert loud(scene.window[RATE:]) >= 3000 / 1.18 - 2
        assert scene.shift is None


def said_before(sounds: Sounds, rng: np.random.Generator) -> NDArray[np.float32]:
    """What comes before a word that begins at 22,000."""
    window = np.zeros(2 * RATE, np.float32)
    window[22_000:25_000] = 0.3
    left_context.before_word(window, 22_000, sounds, 0, rng)
    assert (window[22_000:25_000] == np.float32(0.3)).all()
    assert not window[22_000 - left_context.PAUSE : 22_000].any()
    return window[:22_000]


def test_before_a_word_there_is_talk_or_another_word_or_nothing(longer: Sounds) -> None:
    found = [said_before(longer, rng) for rng in drawn()]
    assert 20 < sum(not lead.any() for lead in found) < 50
    assert 5 < sum(0 < np.count_nonzero(lead) <= 3_000 for lead in found) < 30


def test_every_second_word_before_is_the_same_speakers(longer: Sounds) -> None:
    """The speaker's other word is short, all others are long."""
    samples = np.full(4 * RATE, 10_000, np.int16)
    words = replace(
        longer.words,
        samples=samples,
        labels=np.array(["up", "down", "left", "go"]),
        speakers=np.array(["a", "a", "b", "b"]),
        names=np.array(["1", "2", "3", "4"]),
        starts=np.arange(4) * RATE,
        lengths=np.full(4, RATE),
        cores=np.array([(6000, 7000), (6000, 7000), (6000, 12_000), (6000, 12_000)]),
    )
    silent = replace(longer.speech, samples=np.zeros(64_000, np.int16))
    rngs = [np.random.default_rng(seed) for seed in range(600)]
    sizes = [np.count_nonzero(said_before(replace(longer, words=words, speech=silent), rng)) for rng in rngs]
    same, others = sum(0 < size <= 1000 for size in sizes), sum(size > 1000 for size in sizes)
    assert 2 < same / others < 4.5  # half are the speaker's, and half of the other half


def test_the_background_goes_on_before_the_clip(longer: Sounds) -> None:
    clip = np.concatenate([np.arange(1, 6001), np.full(10_000, 10_000)]).astype(np.int16)
    words = replace(longer.words, samples=clip)
    lead = left_context.background(words, 0, 13_000) * 32_768
    assert lead[-3:].tolist() == [3, 2, 1]
    assert lead[:2].tolist() == [1000, 999]
    assert lead[1000:1002].tolist() == [1, 2]


def test_the_background_fills_the_window_before_a_clip_three_times_in_four(longer: Sounds) -> None:
    noisy = replace(longer, words=replace(longer.words, samples=np.full(RATE, 900, np.int16)))
    leads = [scenes._filled(noisy, 0, 500, rng)[: RATE + 500] for rng in drawn()]
    full = [lead for lead in leads if lead.any()]
    assert 60 <= len(full) <= 90
    assert all((lead == np.float32(900 / 32_768)).all() for lead in full)


def test_no_window_shows_where_its_second_begins(longer: Sounds) -> None:
    """Its level does not leap there more often than elsewhere."""
    rng = np.random.default_rng(5)
    clip = (300 * rng.standard_normal(RATE)).astype(np.int16)
    clip[6000:9000] += (8000 * rng.standard_normal(3000)).astype(np.int16)
    talk = (2000 * rng.standard_normal(64_000)).astype(np.int16)
    real = replace(longer, words=replace(longer.words, samples=clip), speech=replace(longer.speech, samples=talk))
    leaps = dict.fromkeys((13_000, RATE, 17_000), 0)
    for seed in range(400):
        rng = np.random.default_rng(seed)
        for window in (scenes.word(real, 0, rng, 1.0).window, scenes.cut_word(real, 0, rng)):
            for place in leaps:
                levels = [
                    float(np.mean(part**2)) + 1e-9 for part in (window[place - 80 : place], window[place : place + 80])
                ]
                leaps[place] += abs(np.log10(levels[0] / levels[1])) > 1.0
    assert leaps[RATE] < 40
    assert leaps[RATE] < 3 * max(leaps[13_000], leaps[17_000], 8)


def test_a_sentence_is_heard_with_what_was_said_before(longer: Sounds) -> None:
    ramp = (np.arange(64_000) // 2).astype(np.int16)
    speech = replace(longer.speech, samples=ramp)
    for rng in drawn():
        window = scenes.sentence(replace(longer, speech=speech), 0, 30_000, rng).window * 32_768
        assert window[RATE + RATE // 2] == pytest.approx((30_000 + RATE / 2) / 2, abs=2)  # about it its pace turns
        assert window[RATE] > window[0] > 0


def test_before_a_sentence_somebody_else_may_have_talked(longer: Sounds) -> None:
    samples = np.where(np.arange(64_000) % 2, 500, -500).astype(np.int16)  # a constant would be silence with an offset
    talking = replace(longer, speech=replace(longer.speech, samples=samples))
    found = [scenes.sentence(talking, 0, 0, rng).window[:RATE] for rng in drawn()]
    talked = [lead for lead in found if lead[:1000].any()]
    assert 20 < len(talked) < 80
    assert all(not lead[-1600:].any() for lead in talked if not lead[-1600:].all())  # then a pause


def test_what_is_cut_off_at_the_left_is_heard_before(longer: Sounds) -> None:
    whole = 0
    for rng in drawn():
        window = scenes.cut_word(longer, 0, rng)
        inside, outside = loud(window[RATE:]), loud(window[:RATE])
        assert 600 <= inside <= 1950
        whole += inside + outside == 3000
    assert whole > 30


def test_words_in_a_row_leave_no_silence(longer: Sounds) -> None:
    for rng in drawn():
        row = left_context.running_words(longer, 30_000, 0.1, rng)
        assert row.shape == (30_000,)
        assert np.abs(row).min() > 0


def test_a_mined_noise_lies_in_the_last_second(longer: Sounds) -> None:
    noise = np.zeros(64_000, np.int16)
    noise[40_000:56_000] = 10_000
    marked = replace(longer, noise=replace(longer.noise, samples=noise, lengths=np.array([64_000])))
    for rng in drawn():
        assert loud(noises.silence(marked, rng, (0, 40_000))[RATE:]) > 8_000


def test_before_noise_somebody_may_have_talked(longer: Sounds) -> None:
    found = [left_context.before_noise(longer, rng) for rng in drawn()]
    assert 20 < sum(bool(lead.any()) for lead in found) < 60


def test_nothing_comes_before_a_word_that_begins_at_once(longer: Sounds) -> None:
    for rng in drawn():
        window = np.full(2 * RATE, 0.1, np.float32)
        left_context.before_word(window, 3000, longer, 0, rng)
        assert (window == np.float32(0.1)).all()


def test_a_moment_before_a_word_is_too_little_to_make_background_of(longer: Sounds) -> None:
    noisy = replace(longer.words, samples=np.full_like(longer.words.samples, 1000))
    cores = noisy.cores.copy()
    cores[0] = 799, 9000
    assert not left_context.background(replace(noisy, cores=cores), 0, 13_000).any()


def test_talk_begins_and_ends_without_a_click(longer: Sounds) -> None:
    steady = replace(longer.speech, samples=np.full_like(longer.speech.samples, 5000))
    for rng in drawn():
        talk = left_context.talk(steady, 8000, 0.1, rng)
        assert (talk[0], talk[-1]) == (0, 0)

"""A network that hears two seconds is shown what came before the second that counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.training import leads, noises, scenes
from kwsd.training.noises import Noisiness
from kwsd.training.sounds import Sounds

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
    noise = Noisiness(1.0, 0.5, (-2, 20))
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


def test_before_a_word_there_is_talk_or_another_word_or_nothing(longer: Sounds) -> None:
    window = np.zeros(RATE, np.float32)
    window[6000:9000] = 0.3
    found = [leads.before_word(longer, window, 0, rng, talks=False) for rng in drawn()]
    assert sum(not lead.any() for lead in found) > 10
    assert sum(bool(lead.any()) for lead in found) > 40
    assert {len(lead) for lead in found} == {RATE}


def test_talk_at_the_edge_of_the_second_goes_on_before_it(longer: Sounds) -> None:
    window = np.full(RATE, 0.1, np.float32)
    for rng in drawn():
        lead = leads.before_word(longer, window, 0, rng, talks=True)
        assert np.abs(lead).min() > 0


def test_a_sentence_is_heard_with_what_was_said_before(longer: Sounds) -> None:
    ramp = (np.arange(64_000) // 2).astype(np.int16)
    speech = replace(longer.speech, samples=ramp)
    for rng in drawn():
        window = scenes.sentence(replace(longer, speech=speech), 0, 30_000, rng).window * 32_768
        assert window[RATE + RATE // 2] == pytest.approx((30_000 + RATE / 2) / 2, abs=2)  # about it its pace turns
        assert window[RATE] > window[0] > 0


def test_before_a_sentence_somebody_else_may_have_talked(longer: Sounds) -> None:
    found = [scenes.sentence(longer, 0, 0, rng).window[:RATE] for rng in drawn()]
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


def test_another_word_is_mostly_of_the_same_speaker(longer: Sounds) -> None:
    one = longer.words
    samples = np.concatenate([one.samples, one.samples // 2])
    words = replace(
        one,
        samples=samples,
        labels=np.array(["up", "down"]),
        speakers=np.array(["a", "b"]),
        names=np.array(["1", "2"]),
        starts=np.array([0, RATE]),
        lengths=np.array([RATE, RATE]),
        cores=np.array([(6000, 9000), (6000, 9000)]),
    )
    silent = replace(longer.speech, samples=np.zeros(64_000, np.int16))
    window = np.zeros(RATE, np.float32)
    window[6000:9000] = 0.3
    found = [
        leads.before_word(replace(longer, words=words, speech=silent), window, 0, rng, talks=False) for rng in drawn()
    ]
    assert 5 < sum(bool(lead.any()) for lead in found) < 40


def test_before_noise_somebody_may_have_talked(longer: Sounds) -> None:
    found = [leads.before_noise(longer, rng) for rng in drawn()]
    assert 20 < sum(bool(lead.any()) for lead in found) < 60

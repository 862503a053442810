"""Cuts, levels and paces that scenes are built with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwsd.samples import RATE
from kwsd.training.augmentation.sounds import Sounds, at_pace, levelled, loudness, middle, rms, row_by_length, take
from kwsd.training.corpus import Corpus


def of_lengths(corpus: Corpus, *lengths: int) -> Corpus:
    """Clips of these lengths, all cut from the beginning of the only clip of `corpus`."""
    alike = {"labels": corpus.labels, "speakers": corpus.speakers, "names": corpus.names}
    return replace(
        corpus,
        starts=np.zeros(len(lengths), np.int64),
        lengths=np.array(lengths, np.int64),
        cores=np.array([(0, length) for length in lengths], np.int64),
        **{key: np.repeat(column, len(lengths)) for key, column in alike.items()},
    )


def test_a_clip_is_drawn_in_proportion_to_its_length(sounds: Sounds) -> None:
    corpus, rng = of_lengths(sounds.speech, 3, 1, 4), np.random.default_rng(1)
    shares = np.bincount([row_by_length(corpus, rng) for _ in range(2000)], minlength=3) / 2000
    np.testing.assert_allclose(shares, [3 / 8, 1 / 8, 4 / 8], atol=0.04)


def test_a_piece_lies_within_its_clip_wherever_it_may(sounds: Sounds) -> None:
    rising = replace(sounds.speech, samples=np.arange(1, 21, dtype=np.int16))
    corpus, rng = of_lengths(rising, 20), np.random.default_rng(1)
    pieces = [np.rint(take(corpus, rng, 18) * 32768) for _ in range(100)]
    assert {int(piece[0]) for piece in pieces} == {1, 2, 3}
    assert all((np.diff(piece) == 1).all() for piece in pieces)


def test_a_faster_pace_is_centred_where_it_is_told_to_be() -> None:
    window = np.zeros(1_000, np.float32)
    window[[300, 500]] = 1
    assert np.flatnonzero(at_pace(window, 2.0, 300)).tolist() == [300, 400]
    assert np.flatnonzero(at_pace(window, 2.0)).tolist() == [400, 500]


def test_the_middle_leaves_out_as_much_on_both_sides() -> None:
    assert middle(np.arange(10, dtype=np.float32), 4).tolist() == [3, 4, 5, 6]


def test_a_level_is_that_of_the_sound_give_or_take_10_and_6_db_and_full_scale_at_most() -> None:
    sound = np.random.default_rng(1).normal(0, 0.01, RATE).astype(np.float32)
    gains = [20 * np.log10(rms(levelled(sound, 0.05, np.random.default_rng(seed))) / 0.05) for seed in range(200)]
    assert -10.01 < min(gains) < -9
    assert 5 < max(gains) < 6.01
    assert max(float(np.abs(levelled(sound, 2.0, np.random.default_rng(seed))).max()) for seed in range(20)) == 1.0
    assert not levelled(np.zeros(10, np.float32), 0.05, np.random.default_rng(1)).any()


def test_loudness_is_that_of_the_louder_half_of_the_last_second() -> None:
    """Whatever its constant offset is."""
    window = np.full(2 * RATE, 0.9, np.float32)
    window[RATE:] = np.where(np.arange(RATE) % 2, 1, -1) * np.repeat([0.5, 0.1], RATE // 2)
    for offset in (0.0, 0.3):
        assert loudness(window + np.float32(offset)) == pytest.approx(0.25)


def test_no_samples_have_no_power() -> None:
    assert rms(np.zeros(0, np.float32)) == 0.0

"""Scenes show what their labels say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.training.augmentation import scenes
from kwsd.training.augmentation.sounds import Sounds


def loud(window: NDArray[np.float32]) -> int:
    return int((np.abs(window) > 0.25).sum())


@pytest.mark.parametrize("hardness", [0.0, 0.5, 1.0])
def test_a_word_is_always_whole(hardness: float, sounds: Sounds) -> None:
    for seed in range(200):
        scene = scenes.word(sounds, 0, np.random.default_rng(seed), hardness)
        assert scene.window.shape == (16_000,)
        assert scene.window.dtype == np.float32
        assert loud(scene.window) >= 3000 / 1.18 - 2


def test_a_word_that_ends_after_the_first_second_of_its_clip_is_whole(sounds: Sounds) -> None:
    clip = np.zeros(24_000, np.int16)
    clip[10_000:19_000] = 10_000
    words = replace(
        sounds.words,
        samples=clip,
        lengths=np.array([24_000]),
        cores=np.array([(10_000, 19_000)]),
    )
    for seed in range(100):
        scene = scenes.word(replace(sounds, words=words), 0, np.random.default_rng(seed), 0.0)
        if scene.shift is not None:  # at its own pace, and alone
            assert loud(scene.window) == 9000
            assert scene.shift <= -3000


@pytest.mark.parametrize("before", [0, 16_000])
@pytest.mark.parametrize("start", [200, 12_800])
def test_a_slower_word_near_an_edge_is_whole(start: int, before: int, sounds: Sounds) -> None:
    clip = np.zeros(16_000, np.int16)
    clip[start : start + 100], clip[start + 2900 : start + 3000] = -10_000, 10_000
    words = replace(sounds.words, samples=clip, cores=np.array([(start, start + 3000)]))
    silent = replace(sounds.speech, samples=np.zeros(64_000, np.int16))
    alone = replace(sounds, words=words, speech=silent, window=16_000 + before)
    for seed in range(200):
        second = scenes.word(alone, 0, np.random.default_rng(seed), 1.0, pace=1.0).window[before:]
        assert (second.min(), second.max()) == pytest.approx((-10_000 / 32_768, 10_000 / 32_768))


def test_at_a_faster_pace_a_sentence_fills_its_second(sounds: Sounds) -> None:
    for seed in range(100):
        window = scenes.sentence(sounds, 0, 20_000, np.random.default_rng(seed)).window
        assert np.abs(window).min() > 0


def test_a_shift_says_where_the_clip_lies(sounds: Sounds) -> None:
    found = 0
    for seed in range(50):
        scene = scenes.word(sounds, 0, np.random.default_rng(seed), 0.0)
        if scene.shift is not None:
            found += 1
            assert np.flatnonzero(scene.window > 0.25)[0] == 6000 + scene.shift
    assert found > 20


def test_the_harder_the_scenes_the_more_words_have_neighbours(sounds: Sounds) -> None:
    shares = []
    for hardness in (0.0, 0.5, 1.0):
        made = [scenes.word(sounds, 0, np.random.default_rng(seed), hardness, pace=0.0) for seed in range(200)]
        shares.append(np.mean([scene.shift is None for scene in made]))
    assert shares == pytest.approx([0.05, 0.35, 0.65], abs=0.1)


def test_only_hard_scenes_change_the_pace_and_say_no_shift(sounds: Sounds) -> None:
    easy, hard = (
        [scenes.word(sounds, 0, np.random.default_rng(seed), hardness, pace=1.0) for seed in range(200)]
        for hardness in (0.0, 1.0)
    )
    assert np.mean([scene.shift is None for scene in easy]) == pytest.approx(0.05, abs=0.05)
    assert all(scene.shift is None for scene in hard)
    for scene in hard:
        last = np.flatnonzero(np.abs(scene.window) > 0.25)[-1]
        assert np.abs(scene.window[last + 2 : last + 1200]).max(initial=0) == 0  # a pause, however slow the word


def test_neighbours_leave_a_pause_around_the_word(sounds: Sounds) -> None:
    for seed in range(100):
        scene = scenes.word(sounds, 0, np.random.default_rng(seed), 1.0)
        places = np.flatnonzero(np.abs(scene.window) > 0.25)
        if scene.shift is None and len(places) == 3000:
            pause = scene.window[max(0, places[0] - 1200) : places[0]]
            assert np.abs(pause).max() == 0
            assert places[0] >= 16_000 - 1280 - 8_000 - 3_000  # an earlier window would have heard it
            after = scene.window[places[-1] + 1 :][:1280]
            assert len(after) == 1280
            assert np.abs(after).max() == 0


def test_a_cut_word_shows_at_most_two_thirds_of_it(sounds: Sounds) -> None:
    for seed in range(100):
        shown = loud(scenes.cut_word(sounds, 0, np.random.default_rng(seed)))
        assert 500 <= shown <= 2000


def test_a_glued_word_is_whole_and_has_no_pause_around_it(sounds: Sounds) -> None:
    whole = 0
    for seed in range(100):
        window = scenes.glued(sounds, 0, np.random.default_rng(seed))
        assert window.shape == (16_000,)
        inside = window[320:-320]  # another pace may leave the very edges empty
        quiet = np.abs(inside) < 1e-3
        gaps = np.diff(np.flatnonzero(np.r_[True, ~quiet, True]))
        whole += gaps.max() <= 800
    assert whole > 20  # where the word's neighbour is a word, whose own surroundings are silent here, there are gaps


@pytest.mark.parametrize("last", [False, True])
def test_what_adjoins_a_glued_word_has_no_pause_at_its_side(sounds: Sounds, last: bool) -> None:
    for seed in range(30):
        sound = scenes._talk(sounds, 4_000, np.random.default_rng(seed), last=last)
        assert sound.shape == (4_000,)
        assert sound[-1 if last else 0] > 0


def test_both_neighbours_of_a_glued_word_adjoin_it(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "at_pace", lambda window, *_: window)
    levels = []
    for seed in range(100):
        place = int(np.random.default_rng(seed).integers(1600, 16_000 - 3000 - 1600))
        window = scenes.glued(sounds, 0, np.random.default_rng(seed))
        assert (window[place : place + 3000] == np.float32(10_000 / 32_768)).all()
        assert window[place - 1] > 0
        assert window[place + 3000] > 0
        if (window[:place] == window[0]).all():  # talk
            levels.append(20 * np.log10(window[0] * 32_768 / 10_000))
    assert (min(levels), max(levels)) == pytest.approx((-10, 6), abs=1)


@pytest.mark.parametrize("pace", [0.85, 1.18])
@pytest.mark.parametrize("before", [0, 16_000])
def test_another_pace_says_where_the_word_begins(pace: float, before: int) -> None:
    window = np.zeros(before + 16_000, np.float32)
    window[before + 5000 :] = 0.5
    paced, begin = scenes._paced(window, before + 5000, 3000, pace, before)
    assert abs(begin - np.flatnonzero(paced > 0.25)[0]) <= 1


def test_neighbours_are_about_as_loud_as_the_word(sounds: Sounds) -> None:
    levels = []
    for seed in range(200):
        window = np.zeros(16_000, np.float32)
        window[6000:9000] = 0.1
        scenes._neighbours(window, 6000, 9000, sounds, 0, np.random.default_rng(seed))
        levels += [level for level in (window[0], window[-1]) if level]
    assert len(levels) > 100
    assert 20 * np.log10(min(levels) / 0.1) == pytest.approx(-10, abs=1)
    assert 20 * np.log10(max(levels) / 0.1) == pytest.approx(6, abs=1)


@pytest.mark.parametrize(("start", "second"), [(-6_400, 0), (9_000, 1), (47_000, 6), (54_400, 6)])
def test_the_nearest_second_of_a_sentence_is_one_of_its_own(sounds: Sounds, start: int, second: int) -> None:
    """Windows may begin before a clip and end after it."""
    short = replace(sounds.speech, lengths=np.array([56_000]))
    assert scenes.second_near(short, 0, start) == second


def test_a_sentence_says_where_its_second_lies(sounds: Sounds) -> None:
    for seed in range(50):
        scene = scenes.sentence(sounds, 0, 9_000, np.random.default_rng(seed))
        assert scene.shift in (None, 8_000 - 9_000)

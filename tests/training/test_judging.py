"""How well a network in training knows words, and which windows without one it most takes for words."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.training.augmentation.sounds import Sounds
from kwsd.training.batches import NOISE, SPEECH
from kwsd.training.corpus import Corpus
from kwsd.training.judging import accuracies, mine
from kwsd.training.recipe import Mix

LENGTH = 50


def corpus(sounds: Sounds, **levels: list[int]) -> Corpus:
    """Short clips of each word, each at a constant level."""
    every = [level for some in levels.values() for level in some]
    return replace(
        sounds.words,
        samples=np.repeat(np.array(every, np.int16), LENGTH),
        labels=np.repeat(list(levels), [len(some) for some in levels.values()]),
        starts=np.arange(len(every)) * LENGTH,
        lengths=np.full(len(every), LENGTH),
    )


def loud_is_up(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2 s) to (n, labels): what is positive is "up", the second label."""
    assert windows.shape[1] == 32_000
    assert windows[:, 16_000 : 16_000 + LENGTH].all()
    assert np.count_nonzero(windows) == LENGTH * len(windows)
    up = windows[:, 16_000] > 0
    return np.stack([~up, up], axis=1).astype(np.float32)


def test_words_of_a_hundred_clips_count_alike_and_rarer_ones_do_not(sounds: Sounds) -> None:
    index = {"no": 0, "up": 1}
    heard = corpus(sounds, up=[9] * 80 + [-9] * 20, no=[9] * 99)
    assert accuracies(heard, loud_is_up, index, 32_000) == {"accuracy": 80 / 199, "per_word": 80 / 100}
    heard = corpus(sounds, up=[9] * 80 + [-9] * 20, no=[-9] * 300)
    assert accuracies(heard, loud_is_up, index, 32_000) == {"accuracy": 380 / 400, "per_word": 0.9}
    heard = corpus(sounds, up=[9] * 2, no=[-9, 9])
    assert accuracies(heard, loud_is_up, index, 32_000) == {"accuracy": 0.75, "per_word": 0.75}


def test_the_hardest_of_new_and_earlier_windows_are_kept(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech grows louder and louder here, and a window is the harder, the louder its last second begins."""
    monkeypatch.setattr("kwsd.training.judging.recorded", lambda window, *_: window)
    speech = replace(sounds.speech, samples=(np.arange(64_000) // 2).astype(np.int16))
    new, earlier = list(range(1_000, 5_000, 100)), list(range(40_000, 40_040, 2))
    places = iter(new)
    mixer: Any = SimpleNamespace(
        sounds=replace(sounds, speech=speech, window=32_000),
        mix=Mix(),
        spared=SimpleNamespace(of=lambda _kind, rows, _columns: np.zeros(len(rows), bool)),
        sentence_at=lambda _: (0, next(places)),
        noise_at=lambda _: (0, 4_000),
        other_at=None,
    )
    heard: set[int] = set()

    def score(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        assert windows.shape[1] == 32_000
        heard.update(np.round(windows[:, 16_000] * 32_768).astype(int).tolist())
        return windows[:, [16_000]]

    before = np.array([(SPEECH, 0, place) for place in earlier])
    found = mine(mixer, score, before, 60, np.random.default_rng(1))
    assert heard == {place // 2 for place in new + earlier} | {100}
    kept = [place for kind, _, place in found.tolist() if kind == SPEECH]
    assert kept == sorted(earlier + new[-12:], reverse=True)  # a fifth of 40 would be eight, and 32 are the least
    assert [place for kind, _, place in found.tolist() if kind == NOISE] == [4_000]  # though drawn 20 times

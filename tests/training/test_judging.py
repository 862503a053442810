"""How well a network in training knows words, by what it says of windows that end with a clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kwsd.training.augmentation.sounds import Sounds
from kwsd.training.corpus import Corpus
from kwsd.training.judging import accuracies

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

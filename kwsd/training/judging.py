"""Measures a network in training: its accuracy, and the negative windows that it most takes for words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.endpointing import cut_window
from kwsd.samples import RATE
from kwsd.training.augmentation.noises import recorded
from kwsd.training.augmentation.sounds import Floats
from kwsd.training.batches import NOISE, OTHERS, SPEECH, Mined, Mixer
from kwsd.training.corpus import Corpus

Score = Callable[[Floats], NDArray[np.float32]]

_BATCH = 64
_ENOUGH = 100
"""The fewest clips of a word for its accuracy to count: with fewer, it is mostly chance."""


def accuracies(corpus: Corpus, score: Score, index: Mapping[str, int], window: int) -> dict[str, float]:
    """`accuracy` over all clips, and `per_word`, its mean over the words that have a hundred clips or more.

    `score` maps windows (n, `window`), each with a clip in its last second, to (n, labels); `index` maps a label to its
    column. If no word has enough clips, `per_word` is `accuracy`.
    """
    truth = np.array([index[str(label)] for label in corpus.labels])
    windows = (
        np.stack([cut_window(corpus.clip(row), RATE - window, window) for row in rows])
        for rows in _batches(len(corpus))
    )
    right = np.concatenate([score(batch) for batch in windows]).argmax(axis=1) == truth
    per_word = [right[truth == word].mean() for word in np.unique(truth) if (truth == word).sum() >= _ENOUGH]
    return {"accuracy": float(right.mean()), "per_word": float(np.mean(per_word)) if per_word else float(right.mean())}


def mine(mixer: Mixer, score: Score, mined: Mined, count: int, rng: np.random.Generator) -> Mined:
    """Mine hard negatives: a fifth as many as `count`, those that score most like words among new and mined windows.

    Of `count` new windows, two thirds are from sentences and one third is noise. If words outside the recipe have a
    share of the batches, half of `count` more are drawn from these. At least 32 of each kind are kept, if there are as
    many. What the mixer spares is left out. `score` maps windows (n, samples) to (n, words).
    """
    kept, length, before = [], mixer.sounds.window, mixer.sounds.before
    kinds = [(SPEECH, mixer.sentence_at, 2 / 3), (NOISE, mixer.noise_at, 1 / 3), (OTHERS, mixer.other_at, 1 / 2)]
    for kind, drawn, share in kinds if mixer.mix.others else kinds[:2]:
        new = [(kind, *drawn(rng)) for _ in range(int(count * share))]
        places = np.concatenate([np.array(new, np.int64).reshape(-1, 3), mined[mined[:, 0] == kind]])
        places = np.unique(places, axis=0)  # a single word has only one place, so it would be drawn repeatedly
        corpus, scores = (mixer.sounds.speech, mixer.sounds.noise, mixer.sounds.words)[kind], []
        for rows in _batches(len(places)):
            some = places[rows.start : rows.stop]
            windows = [cut_window(corpus.clip(int(row)), int(at) - before, length) for _, row, at in some]
            heard = [recorded(window, mixer.sounds, rng, replace(mixer.mix, noise=0.5), 1.0) for window in windows]
            scores.append(score(np.stack(heard)))
        found = np.concatenate(scores)
        spared = mixer.spared.of(kind, places[:, 1], found.argmax(axis=1))
        hardest = np.argsort(-np.where(spared, -1.0, found.max(axis=1)))
        kept.append(places[hardest[: min(max(32, int(count * share / 5)), int((~spared).sum()))]])
    return np.concatenate(kept)


def _batches(count: int) -> Iterator[range]:
    for start in range(0, count, _BATCH):
        yield range(start, min(start + _BATCH, count))

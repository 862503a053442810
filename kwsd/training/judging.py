"""What a network that is being trained gets right, and what it falls for."""

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
"""Clips that a word must have for its accuracy to count: with fewer, it is mostly chance."""


def accuracies(corpus: Corpus, score: Score, index: Mapping[str, int], window: int) -> dict[str, float]:
    """`accuracy` over all clips, and `per_word`: its mean over the words that have a hundred clips or more.

    `score` gives (n, labels) for windows (n, `window`), the clip in the last second of each; `index` says which column
    is which label's.
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
    """The fifth of `count` windows that look most like a word, out of new ones and those mined before.

    Two thirds of them are out of sentences, the others noise; where single words that are none of the recipe's have a
    share of the batches, there are half as many of those again; what the mixer spares is left out. `score` gives
    (n, words) for windows (n, samples).
    """
    kept, length, before = [], mixer.sounds.window, mixer.sounds.before
    kinds = [(SPEECH, mixer.sentence_at, 2 / 3), (NOISE, mixer.noise_at, 1 / 3), (OTHERS, mixer.other_at, 1 / 2)]
    for kind, drawn, share in kinds if mixer.mix.others else kinds[:2]:
        new = [(kind, *drawn(rng)) for _ in range(int(count * share))]
        places = np.concatenate([np.array(new, np.int64).reshape(-1, 3), mined[mined[:, 0] == kind]])
        places = np.unique(places, axis=0)  # a word has but one place to begin at: it would come again and again
        corpus, scores = (mixer.sounds.speech, mixer.sounds.noise, mixer.sounds.words)[kind], []
        for rows in _batches(len(places)):
            some = places[rows.start : rows.stop]
            windows = [cut_window(corpus.clip(int(row)), int(at) - before, length) for _, row, at in some]
            heard = [recorded(window, mixer.sounds, rng, replace(mixer.noise, share=0.5), 1.0) for window in windows]
            scores.append(score(np.stack(heard)))
        found = np.concatenate(scores)
        spared = mixer.spared.of(kind, places[:, 1], found.argmax(axis=1))
        hardest = np.argsort(-np.where(spared, -1.0, found.max(axis=1)))
        kept.append(places[hardest[: min(max(32, int(count * share / 5)), int((~spared).sum()))]])
    return np.concatenate(kept)


def _batches(count: int) -> Iterator[range]:
    for start in range(0, count, _BATCH):
        yield range(start, min(start + _BATCH, count))

"""Clips that do not sound like the others of their word, by what kwsd's own HuBERT hears in them before it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from kwsd.networks.auto_classifier import FeatureExtractor
from kwsd.networks.heads import SpotterModel
from kwsd.training.finetuning.examples import Example, Examples, Floats, Kind

Progress = Callable[[int, int], None]
"""Called with the number of windows that were heard, and how many there are to hear."""

_FEWEST = 5
"""The fewest clips of a word that tell how it sounds."""

_FEW = 100
"""The most clips of a word that are compared: among more, some wrong ones do little harm."""

_TALK = 30
"""Windows of talk whose mean is what the words differ from."""

_LIKE = 0.45
"""How much like the others a clip has to be, as a share of what is usual for its word.

Of 900 sets of 20 clips of "alexa", "jarvis" or "view glass" by many speakers, one had a clip named, and of 600 sets of
10 and 300 of 50 none. Of 3 clips among 20, 84 in a hundred were named that held another of these words, 99 that held
talk, and 55 that held half of the word. With 0.4, 74, 98 and 41 were; with 0.5, 95, 100 and 65, and a clip in seven of
1,000 sets of 20. In single voices of flite, other words were named 87 times in a hundred, and no right clip was.
In sets by four very different voices of flite, a right clip was named in 8 of 100.

Of 150 clips of "alexa" under noise at 10 dB, 27 are named: in 24 the window that is learnt was cut around the noise
rather than the word. Around the word, one is."""

_MOST = 1 / 3
"""The largest share of a word's clips that may be named: of more, it is not known which ones are right."""


def unlike_others(
    network: SpotterModel,
    extractor: FeatureExtractor,
    reader: Examples,
    examples: Sequence[Example],
    talk: int,
    progress: Progress,
) -> Iterator[tuple[int, list[Path], int]]:
    """For each label of `examples` with such clips: its column, the clips, and how many it has.

    What is cut from long recordings of the label `talk` tells them what speech is like; without any, nothing is found.
    The network has not learnt from the examples yet. A label that it knows should not be among them: known words all
    lie far from talk, so that another one seems to be like the rest.
    """
    speech = [example for example in examples if example.kind is Kind.SPEECH and example.label == talk]
    clips: dict[int, list[Example]] = {label: [] for label in sorted({each.label for each in examples} - {talk})}
    for example in examples:
        if example.label != talk and example.kind is Kind.CLIP:
            clips[example.label].append(example)
    compared = {label: some for label, some in clips.items() if _FEWEST <= len(some) <= _FEW}
    if not speech or not compared:
        return
    taken = [speech[number % len(speech)] for number in range(_TALK)]
    done, total = 0, len(taken) + sum(map(len, compared.values()))

    def hear(some: Sequence[Example]) -> Iterator[Floats | None]:
        nonlocal done
        for hidden in _heard(network, extractor, reader, some):
            done += 1
            progress(done, total)
            yield hidden

    heard = [hidden for hidden in hear(taken) if hidden is not None]
    for label, some in compared.items() if heard else ():
        found = zip(some, hear(some), strict=True)
        read = [(clip.path, hidden) for clip, hidden in found if hidden is not None]
        if len(read) >= _FEWEST and (
            odd := odd_ones(np.stack([hidden for _, hidden in read]) - np.mean(heard, axis=0))
        ):
            yield label, sorted(read[number][0] for number in odd), len(some)


def odd_ones(vectors: NDArray[np.float32]) -> list[int]:
    """The rows of (clips, size) that point elsewhere than most others; none where these are too many to tell."""
    directions = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    alike = directions @ directions.T
    others = alike[~np.eye(len(alike), dtype=bool)].reshape(len(alike), -1)  # without itself
    like = np.median(others, axis=1)  # half of the others may be wrong
    usual = float(np.median(like))
    odd = np.flatnonzero(like < _LIKE * usual)
    return odd.tolist() if usual > 0 and len(odd) <= _MOST * len(like) else []


@torch.inference_mode()
def _heard(
    network: SpotterModel, extractor: FeatureExtractor, reader: Examples, examples: Sequence[Example]
) -> Iterator[Floats | None]:
    """What the word head makes of each window (head_size,), None for a clip that is left out."""
    network.train(False)
    for windows, _, _ in reader.batches(list(enumerate(examples)), 1, None):
        if not len(windows):
            yield None
            continue
        frames = network.frames(extractor(windows)["input_values"])
        pooled = network.pooling(network.adapter(frames))
        yield functional.relu(network.word_head.inner(pooled))[0].float().cpu().numpy()

"""The recordings that windows are made of, and what is done to any sound: cut, taken at random, sped up, levelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.endpointing import cut_window
from kwsd.samples import RATE
from kwsd.training.corpus import Corpus

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sounds:
    """What scenes are made of. `words` holds the labelled clips, `speech` sentences, `noise` sounds without speech.

    `window` is how many samples the network hears: a second, or more, of which the last second counts.
    """

    words: Corpus
    speech: Corpus
    noise: Corpus
    channels: Floats
    window: int = RATE

    @property
    def before(self) -> int:
        """Samples that are heard before the second that counts."""
        return self.window - RATE

    def sizes(self) -> dict[str, list[int]]:
        """Clips and samples of each kind: where they are others, what was remembered by number is something else."""
        kinds = {"words": self.words, "speech": self.speech, "noise": self.noise}
        return {kind: [len(corpus), int(corpus.lengths.sum())] for kind, corpus in kinds.items()}


def row_by_length(corpus: Corpus, rng: np.random.Generator) -> int:
    """A clip, every second of the corpus as likely as any other."""
    return int(np.searchsorted(np.cumsum(corpus.lengths), rng.integers(corpus.lengths.sum()), side="right"))


def take(corpus: Corpus, rng: np.random.Generator, length: int = RATE) -> Floats:
    """`length` samples from a random place, every second of the corpus as likely as any other."""
    row = row_by_length(corpus, rng)
    return cut_window(corpus.clip(row), int(rng.integers(max(1, int(corpus.lengths[row]) - length + 1))), length)


def at_pace(window: Floats, pace: float, centre: float | None = None) -> Floats:
    """Speed and pitch changed together, about the window's middle or another `centre` (linear interpolation)."""
    centre = len(window) / 2 if centre is None else centre
    places = (np.arange(len(window)) - centre) * pace + centre
    moved: Floats = np.interp(places, np.arange(len(window)), window, left=0.0, right=0.0).astype(np.float32)
    return moved


def middle(sound: Floats, length: int) -> Floats:
    """`length` samples in the middle of what is longer: at a faster pace, nothing is left over at their edges."""
    start = (len(sound) - length) // 2
    return sound[start : start + length]


def levelled(sound: Floats, level: float, rng: np.random.Generator) -> Floats:
    """`sound` so loud that the root of its mean square is `level`, give or take; no louder than full scale."""
    gain = level / max(rms(sound), 1e-4) * 10 ** (rng.uniform(-10, 6) / 20)
    levelled: Floats = np.clip(sound * np.float32(gain), -1, 1)
    return levelled


def loudness(window: Floats) -> np.float32:
    """The mean square of the louder half of the last second: what is loud in it, without its pauses."""
    power = (window[-RATE:].reshape(100, 160) ** 2).mean(axis=1)
    louder: np.float32 = np.sort(power)[50:].mean()
    return louder


def rms(window: Floats) -> float:
    """The root of the mean square of (n,) samples; 0.0 for none."""
    return float(np.sqrt(np.mean(window * window))) if len(window) else 0.0

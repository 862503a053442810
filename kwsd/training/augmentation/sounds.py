"""The recordings that windows are built from, and operations on sounds: random cuts, changes of pace and level."""

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
    """The material of scenes: `words` are labelled clips, `speech` sentences, `noise` sounds without speech.

    `channels` are impulse responses (n, taps). `window` is the network's input in samples: a second or more, of which
    the last second is labelled.
    """

    words: Corpus
    speech: Corpus
    noise: Corpus
    channels: Floats
    window: int = RATE

    @property
    def before(self) -> int:
        """Samples of the window before its labelled second."""
        return self.window - RATE

    def sizes(self) -> dict[str, list[int]]:
        """The numbers of clips and samples of each kind; if they change, clips remembered by number are other ones."""
        kinds = {"words": self.words, "speech": self.speech, "noise": self.noise}
        return {kind: [len(corpus), int(corpus.lengths.sum())] for kind, corpus in kinds.items()}


def row_by_length(corpus: Corpus, rng: np.random.Generator) -> int:
    """The number of a random clip, with a probability in proportion to its length."""
    return int(np.searchsorted(np.cumsum(corpus.lengths), rng.integers(corpus.lengths.sum()), side="right"))


def take(corpus: Corpus, rng: np.random.Generator, length: int = RATE) -> Floats:
    """`length` samples from a random place of a clip, which is drawn in proportion to its length."""
    row = row_by_length(corpus, rng)
    return cut_window(corpus.clip(row), int(rng.integers(max(1, int(corpus.lengths[row]) - length + 1))), length)


def at_pace(window: Floats, pace: float, centre: float | None = None) -> Floats:
    """Change speed and pitch together by linear interpolation; `centre`, by default the middle, stays in place."""
    centre = len(window) / 2 if centre is None else centre
    places = (np.arange(len(window)) - centre) * pace + centre
    moved: Floats = np.interp(places, np.arange(len(window)), window, left=0.0, right=0.0).astype(np.float32)
    return moved


def middle(sound: Floats, length: int) -> Floats:
    """The middle `length` samples of a longer sound, so that a faster pace leaves no gaps at the edges."""
    start = (len(sound) - length) // 2
    return sound[start : start + length]


def levelled(sound: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Scale `sound` to an RMS of `level`, give or take -10 to 6 dB, and clip it at full scale."""
    gain = level / max(rms(sound), 1e-4) * 10 ** (rng.uniform(-10, 6) / 20)
    levelled: Floats = np.clip(sound * np.float32(gain), -1, 1)
    return levelled


def loudness(window: Floats) -> np.float32:
    """The mean square of the louder half of the last second, in blocks of 10 ms, so that pauses do not count.

    A constant offset, which nobody hears, does not count either."""
    second = window[-RATE:]
    power = ((second - second.mean()).reshape(100, 160) ** 2).mean(axis=1)
    louder: np.float32 = np.sort(power)[50:].mean()
    return louder


def rms(window: Floats) -> float:
    """The root of the mean square of (n,) samples; 0.0 for none."""
    return float(np.sqrt(np.mean(window * window))) if len(window) else 0.0

"""The windows of speech that a network learns from, each made anew: a word in its second, or speech that is none.

A command is spoken on its own. So a word with quiet before and after it is that word; one that is cut off, and every
window out of a sentence, is `_unknown_`. All windows are (16000,) float32. What is no speech: `kwsd.training.noises`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.scale import to_float
from kwsd.events import RATE
from kwsd.training.corpus import GRID, Corpus, seconds_in

Floats = NDArray[np.float32]

_MARGIN = 1280
"""Samples of pause (80 ms) that a window has to show after a whole word: the listener wants to be answered soon."""

_PAUSE = 2400
"""Samples of pause (150 ms) before it: a stop inside a sentence is silent for nearly as long."""

_LATEST = RATE // 2
"""A word that ended longer ago than this (0.5 s) had better been heard before."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """What scenes are made of. `words` holds the labelled clips, `speech` sentences, `noise` sounds without speech."""

    words: Corpus
    speech: Corpus
    noise: Corpus
    channels: Floats

    def sizes(self) -> dict[str, list[int]]:
        """Clips and samples of each kind: where they are others, what was remembered by number is something else."""
        kinds = {"words": self.words, "speech": self.speech, "noise": self.noise}
        return {kind: [len(corpus), int(corpus.lengths.sum())] for kind, corpus in kinds.items()}


@dataclass(frozen=True, slots=True)
class Scene:
    """A window, and how its clip's own second lies in it.

    `shift` is where the clip's first sample lies in the window; None where the clip has neighbours or another pace, and
    what a teacher says of the clean clip no longer holds.
    """

    window: Floats
    shift: int | None = None


def row_by_length(corpus: Corpus, rng: np.random.Generator) -> int:
    """A clip, every second of the corpus as likely as any other."""
    return int(np.searchsorted(np.cumsum(corpus.lengths), rng.integers(corpus.lengths.sum()), side="right"))


def take(corpus: Corpus, rng: np.random.Generator, length: int = RATE) -> Floats:
    """`length` samples from a random place, every second of the corpus as likely as any other."""
    row = row_by_length(corpus, rng)
    return excerpt(corpus.clip(row), int(rng.integers(max(1, int(corpus.lengths[row]) - length + 1))), length)


def excerpt(clip: NDArray[np.int16], start: int, length: int = RATE) -> Floats:
    """`length` samples from `start` on, zeros where the clip has none; in [-1, 1)."""
    window = np.zeros(length, np.int16)
    first, last = max(0, start), min(len(clip), start + length)
    if last > first:
        window[first - start : last - start] = clip[first:last]
    return to_float(window)


def at_pace(window: Floats, pace: float) -> Floats:
    """Speed and pitch changed together, about the window's middle (linear interpolation)."""
    centre = len(window) / 2
    places = (np.arange(len(window)) - centre) * pace + centre
    moved: Floats = np.interp(places, np.arange(len(window)), window, left=0.0, right=0.0).astype(np.float32)
    return moved


def middle(sound: Floats) -> Floats:
    """The second in the middle of what is longer: at a faster pace, nothing is left over at its edges."""
    start = (len(sound) - RATE) // 2
    return sound[start : start + RATE]


def word(sounds: Sounds, row: int, rng: np.random.Generator, hardness: float, pace: float = 0.25) -> Scene:
    """One clip as a command: alone in its second, or, the more often the harder (0 to 1), between sentences.

    `pace` is how often it is said faster or slower, and higher or lower, than it was.
    """
    clip = sounds.words.clip(row)
    start, end = (int(edge) for edge in sounds.words.cores[row])
    if rng.random() < 0.95 - 0.6 * hardness:
        home = min(0, RATE - end)  # a synthetic clip may be longer, and its word end after the first second
        low, high = min(home, 160 - start), max(home, RATE - 160 - end)
        shift = home if rng.random() < 0.3 else int(np.clip(home + rng.integers(-1600, 1601), low, high))
        window = _filled(clip, shift, rng)
        if rng.random() < pace * hardness:
            return Scene(at_pace(window, rng.uniform(0.85, 1.18)))
        return Scene(window, shift)
    last = RATE - _MARGIN - (end - start)
    first = max(_PAUSE, last - _LATEST)
    place = int(rng.integers(first, last)) if first < last else (RATE - (end - start)) // 2
    window = _filled(clip, place - start, rng)
    if rng.random() < pace:
        window = at_pace(window, rng.uniform(0.9, 1.15))
    _neighbours(window, place, place + end - start, sounds.speech, rng)
    return Scene(window)


def _filled(clip: NDArray[np.int16], shift: int, rng: np.random.Generator) -> Floats:
    """The clip moved by `shift`; what that leaves empty is mirrored from its edges, or (sometimes) stays silent."""
    window = excerpt(clip, -shift)
    if rng.random() < 0.25:
        return window
    first, last = max(0, shift), min(RATE, shift + len(clip))
    if 0 < first <= last - first:
        window[:first] = window[first : 2 * first][::-1] * np.linspace(0, 1, first, dtype=np.float32)
    rest = RATE - last
    if 0 < rest <= last - first:
        window[last:] = window[last - rest : last][::-1] * np.linspace(1, 0, rest, dtype=np.float32)
    return window


def _neighbours(window: Floats, start: int, end: int, speech: Corpus, rng: np.random.Generator) -> None:
    """Lay other speech before and after the word at [start, end), in place, with a pause between."""
    level = _rms(window[max(0, start) : end])
    before = start - int(rng.integers(_PAUSE, RATE // 2))
    if before > 800 and rng.random() < 0.7:
        window[:before] = _levelled(take(speech, rng, before), level, rng)
    after = end + int(rng.integers(_MARGIN, RATE // 2))
    if after < RATE - 800 and rng.random() < 0.5:
        window[after:] = _levelled(take(speech, rng, RATE - after), level, rng)


def _levelled(sound: Floats, level: float, rng: np.random.Generator) -> Floats:
    gain = level / max(_rms(sound), 1e-4) * 10 ** (rng.uniform(-10, 6) / 20)
    levelled: Floats = np.clip(sound * np.float32(gain), -1, 1)
    return levelled


def cut_word(sounds: Sounds, row: int, rng: np.random.Generator) -> Floats:
    """A window that shows 20 to 65 % of a word, at its left or right edge."""
    start, end = (int(edge) for edge in sounds.words.cores[row])
    shown = int((end - start) * rng.uniform(0.2, 0.65))
    shift = RATE - start - shown if rng.random() < 0.5 else shown - end
    window = _filled(sounds.words.clip(row), shift, rng)
    if shift > 0 and rng.random() < 0.3:
        gap = RATE - shown - int(rng.integers(800, RATE // 2))
        window[: max(0, gap)] = take(sounds.speech, rng, max(0, gap))
    return window


def glued(sounds: Sounds, row: int, rng: np.random.Generator) -> Floats:
    """A word in running speech: other speech, or other words, up to its very edges on both sides."""
    start, end = (int(edge) for edge in sounds.words.cores[row])
    place = int(rng.integers(1600, max(1601, RATE - (end - start) - 1600)))
    window = excerpt(sounds.words.clip(row), start - place)
    last = min(RATE, place + end - start)
    level = _rms(window[place:last])
    window[:place] = _levelled(_talk(sounds, place, rng, last=True), level, rng)
    window[last:] = _levelled(_talk(sounds, RATE - last, rng, last=False), level, rng)
    return at_pace(window, rng.uniform(0.85, 1.2)) if rng.random() < 0.3 else window


def _talk(sounds: Sounds, length: int, rng: np.random.Generator, *, last: bool) -> Floats:
    """`length` samples of speech that end (or, not `last`, begin) in the middle of it."""
    if rng.random() < 0.5:
        return take(sounds.speech, rng, length)
    row = int(rng.integers(len(sounds.words)))
    start, end = (int(edge) for edge in sounds.words.cores[row])
    return excerpt(sounds.words.clip(row), end - length if last else start, length)


def sentence(sounds: Sounds, row: int, start: int, rng: np.random.Generator) -> Scene:
    """A second out of the sentence `row`, at another pace every third time; `shift` tells where its second lies."""
    clip = sounds.speech.clip(row)
    if rng.random() < 0.3:
        around = excerpt(clip, start - RATE // 4, RATE * 3 // 2)
        return Scene(middle(at_pace(around, rng.uniform(0.8, 1.25))))
    return Scene(excerpt(clip, start), second_near(sounds.speech, row, start) * GRID - start)


def second_near(speech: Corpus, row: int, start: int) -> int:
    """Which of the clip's `all_seconds` a window from `start` on shows best."""
    return int(np.clip(round(start / GRID), 0, seconds_in(speech.lengths[row]) - 1))


def _rms(window: Floats) -> float:
    return float(np.sqrt(np.mean(window * window))) if len(window) else 0.0

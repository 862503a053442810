"""The windows of speech that a network learns from, each made anew: a word in its second, or speech that is none.

A command is spoken on its own. So a word with quiet before and after it is that word; one that is cut off, and every
window out of a sentence, is `_unknown_`. All windows are (`Sounds.window`,) float32; the label is that of their last
second, and what comes before it is what was heard before (`kwsd.training.leads`). What is no speech:
`kwsd.training.noises`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.events import RATE
from kwsd.training.corpus import GRID, Corpus, seconds_in
from kwsd.training.leads import before_sentence, before_word
from kwsd.training.sounds import Floats, Sounds, at_pace, excerpt, levelled, middle, rms, take

_MARGIN = 1280
"""Samples of pause (80 ms) that a window has to show after a whole word: the listener wants to be answered soon."""

_PAUSE = 2400
"""Samples of pause (150 ms) before it: a stop inside a sentence is silent for nearly as long."""

_LATEST = RATE // 2
"""A word that ended longer ago than this (0.5 s) had better been heard before."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A window, and how its clip's own second lies in it.

    `shift` is where the clip's first sample lies in the window; None where the clip has neighbours or another pace, or
    more than a second is heard, and what a teacher says of the clean clip no longer holds.
    """

    window: Floats
    shift: int | None = None


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
            return _led(Scene(at_pace(window, rng.uniform(0.85, 1.18))), sounds, row, rng)
        return _led(Scene(window, shift), sounds, row, rng)
    last = RATE - _MARGIN - (end - start)
    first = max(_PAUSE, last - _LATEST)
    place = int(rng.integers(first, last)) if first < last else (RATE - (end - start)) // 2
    window = _filled(clip, place - start, rng)
    if rng.random() < pace:
        window = at_pace(window, rng.uniform(0.9, 1.15))
    talks = _neighbours(window, place, place + end - start, sounds.speech, rng)
    return _led(Scene(window), sounds, row, rng, talks=talks)


def _led(scene: Scene, sounds: Sounds, row: int, rng: np.random.Generator, *, talks: bool = False) -> Scene:
    """The scene of the clip `row` with what was heard before its second, if more than that is heard."""
    if not sounds.before:
        return scene
    lead = before_word(sounds, scene.window, row, rng, talks=talks)
    return Scene(np.concatenate([lead, scene.window]))


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


def _neighbours(window: Floats, start: int, end: int, speech: Corpus, rng: np.random.Generator) -> bool:
    """Lay other speech before and after the word at [start, end), in place, with a pause between.

    Says whether there is some at the window's left edge.
    """
    level = rms(window[max(0, start) : end])
    before = start - int(rng.integers(_PAUSE, RATE // 2))
    talks = before > 800 and rng.random() < 0.7
    if talks:
        window[:before] = levelled(take(speech, rng, before), level, rng)
    after = end + int(rng.integers(_MARGIN, RATE // 2))
    if after < RATE - 800 and rng.random() < 0.5:
        window[after:] = levelled(take(speech, rng, RATE - after), level, rng)
    return talks


def cut_word(sounds: Sounds, row: int, rng: np.random.Generator) -> Floats:
    """A window that shows 20 to 65 % of a word, at its left or right edge; what is cut off at its left edge is heard
    before it, if more than a second is heard."""
    clip, (start, end) = sounds.words.clip(row), (int(edge) for edge in sounds.words.cores[row])
    shown = int((end - start) * rng.uniform(0.2, 0.65))
    begins = rng.random() < 0.5
    shift = RATE - start - shown if begins else shown - end
    window = _filled(clip, shift, rng)
    talks = shift > 0 and rng.random() < 0.3
    if talks:
        gap = RATE - shown - int(rng.integers(800, RATE // 2))
        window[: max(0, gap)] = take(sounds.speech, rng, max(0, gap))
    if begins:
        return _led(Scene(window), sounds, row, rng, talks=talks).window
    return np.concatenate([excerpt(clip, -shift - sounds.before, sounds.before), window])


def glued(sounds: Sounds, row: int, rng: np.random.Generator) -> Floats:
    """A word in running speech: other speech, or other words, up to its very edges on both sides."""
    start, end = (int(edge) for edge in sounds.words.cores[row])
    place = sounds.before + int(rng.integers(1600, max(1601, RATE - (end - start) - 1600)))
    window = excerpt(sounds.words.clip(row), start - place, sounds.window)
    last = min(sounds.window, place + end - start)
    level = rms(window[place:last])
    window[:place] = levelled(_talk(sounds, place, rng, last=True), level, rng)
    window[last:] = levelled(_talk(sounds, sounds.window - last, rng, last=False), level, rng)
    return at_pace(window, rng.uniform(0.85, 1.2), sounds.before + RATE / 2) if rng.random() < 0.3 else window


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
    first = start - sounds.before
    if rng.random() < 0.3:
        edge = RATE // 4 + sounds.before // 2
        around = excerpt(clip, first - edge, sounds.window + 2 * edge)
        paced = at_pace(around, rng.uniform(0.8, 1.25), edge + sounds.before + RATE / 2)
        return Scene(middle(paced, sounds.window))
    window = excerpt(clip, first, sounds.window)
    if sounds.before:
        before_sentence(window, -first, sounds, rng)
        return Scene(window)
    return Scene(window, second_near(sounds.speech, row, start) * GRID - start)


def second_near(speech: Corpus, row: int, start: int) -> int:
    """Which of the clip's `all_seconds` a window from `start` on shows best."""
    return int(np.clip(round(start / GRID), 0, seconds_in(speech.lengths[row]) - 1))

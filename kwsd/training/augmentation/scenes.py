"""The windows of speech that a network learns from, each made anew: a word in its second, or speech that is none.

A command is spoken on its own. So a word with quiet before and after it is that word; one that is cut off, and every
window out of a sentence, is `_unknown_`. All windows are (`Sounds.window`,) float32; the label is that of their last
second, and what comes before it is what was heard before (`kwsd.training.augmentation.left_context`). Windows without
speech: `kwsd.training.augmentation.noises`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kwsd.audio.endpointing import cut_window
from kwsd.samples import RATE
from kwsd.training.augmentation.left_context import PAUSE, background, before_sentence, before_word, running_words, talk
from kwsd.training.augmentation.sounds import Floats, Sounds, at_pace, levelled, middle, rms, take
from kwsd.training.corpus import GRID, Corpus, seconds_in

_MARGIN = 1280
"""Samples of pause (80 ms) that a window has to show after a whole word: the listener wants to be answered soon."""

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
    start, end = (int(edge) for edge in sounds.words.cores[row])
    if rng.random() < 0.95 - 0.6 * hardness:
        home = min(0, RATE - end)  # a synthetic clip may be longer, and its word end after the first second
        low, high = min(home, 160 - start), max(home, RATE - 160 - end)
        at_home = rng.random() < (0.1 if sounds.before else 0.3)  # else its second's edge would tell a command
        shift = home if at_home else int(np.clip(home + rng.integers(-1600, 1601), low, high))
        window, begin = _filled(sounds, row, shift, rng), sounds.before + shift + start
        paced = rng.random() < pace * hardness
        if paced:
            window, begin = _paced(window, begin, rng.uniform(0.85, 1.18), sounds.before)
        if sounds.before:
            before_word(window, begin, sounds, row, rng)
        return Scene(window, None if paced or sounds.before else shift)
    last = RATE - _MARGIN - (end - start)
    first = max(PAUSE, last - _LATEST)
    place = int(rng.integers(first, last)) if first < last else (RATE - (end - start)) // 2
    window, begin, length = _filled(sounds, row, place - start, rng), sounds.before + place, end - start
    if rng.random() < pace:
        faster = rng.uniform(0.9, 1.15)
        window, begin = _paced(window, begin, faster, sounds.before)
        length = int(length / faster)
    _neighbours(window, begin, begin + length, sounds, row, rng)
    return Scene(window)


def _paced(window: Floats, begin: int, pace: float, before: int) -> tuple[Floats, int]:
    """The window at another pace, about the middle of its second; and where it has what began at `begin`."""
    centre = before + RATE / 2
    return at_pace(window, pace, centre), int(centre + (begin - centre) / pace)


def _filled(sounds: Sounds, row: int, shift: int, rng: np.random.Generator) -> Floats:
    """The clip `row`, moved by `shift` in its second; what that leaves empty is mirrored from its edges, or (sometimes)
    stays silent. What is heard before the second is filled by the clip's background."""
    clip = sounds.words.clip(row)
    window = cut_window(clip, -shift - sounds.before, sounds.window)
    if rng.random() < 0.25:
        return window
    first, last = max(0, sounds.before + shift), min(len(window), sounds.before + shift + len(clip))
    if sounds.before:
        window[:first] = background(sounds.words, row, first)
    elif 0 < first <= last - first:
        window[:first] = window[first : 2 * first][::-1] * np.linspace(0, 1, first, dtype=np.float32)
    rest = len(window) - last
    if 0 < rest <= last - first:
        window[last:] = window[last - rest : last][::-1] * np.linspace(1, 0, rest, dtype=np.float32)
    return window


def _neighbours(window: Floats, start: int, end: int, sounds: Sounds, row: int, rng: np.random.Generator) -> None:
    """Lay other speech before and after the word at [start, end), in place, with a pause between."""
    level = rms(window[max(0, start) : end])
    if sounds.before:
        before_word(window, start, sounds, row, rng)
    else:
        before = start - int(rng.integers(PAUSE, RATE // 2))
        if before > 800 and rng.random() < 0.7:
            window[:before] = levelled(take(sounds.speech, rng, before), level, rng)
    after = end + int(rng.integers(_MARGIN, RATE // 2))
    if after < len(window) - 800 and rng.random() < 0.5:
        window[after:] = levelled(take(sounds.speech, rng, len(window) - after), level, rng)


def cut_word(sounds: Sounds, row: int, rng: np.random.Generator) -> Floats:
    """A window that shows 20 to 65 % of a word, at the left or right edge of its second."""
    start, end = (int(edge) for edge in sounds.words.cores[row])
    shown = int((end - start) * rng.uniform(0.2, 0.65))
    shift = RATE - start - shown if rng.random() < 0.5 else shown - end
    window = _filled(sounds, row, shift, rng)
    if shift > 0 and sounds.before:
        before_word(window, len(window) - shown, sounds, row, rng)
    elif shift > 0 and rng.random() < 0.3:
        gap = RATE - shown - int(rng.integers(800, RATE // 2))
        window[: max(0, gap)] = take(sounds.speech, rng, max(0, gap))
    return window


def glued(sounds: Sounds, row: int, rng: np.random.Generator) -> Floats:
    """A word in running speech: other speech, or other words, up to its very edges on both sides."""
    start, end = (int(edge) for edge in sounds.words.cores[row])
    place = sounds.before + int(rng.integers(1600, max(1601, RATE - (end - start) - 1600)))
    window = cut_window(sounds.words.clip(row), start - place, sounds.window)
    last = min(sounds.window, place + end - start)
    level = rms(window[place:last])
    window[:place] = _talk_before(sounds, place, level, rng)
    window[last:] = levelled(_talk(sounds, sounds.window - last, rng, last=False), level, rng)
    return at_pace(window, rng.uniform(0.85, 1.2), sounds.before + RATE / 2) if rng.random() < 0.3 else window


def _talk_before(sounds: Sounds, length: int, level: float, rng: np.random.Generator) -> Floats:
    """`length` samples of speech that end in the middle of it; one word is too short for more than a second."""
    if not sounds.before:
        return levelled(_talk(sounds, length, rng, last=True), level, rng)
    return running_words(sounds, length, level, rng) if rng.random() < 0.5 else talk(sounds.speech, length, level, rng)


def _talk(sounds: Sounds, length: int, rng: np.random.Generator, *, last: bool) -> Floats:
    """`length` samples of speech that end (or, not `last`, begin) in the middle of it."""
    if rng.random() < 0.5:
        return take(sounds.speech, rng, length)
    row = int(rng.integers(len(sounds.words)))
    start, end = (int(edge) for edge in sounds.words.cores[row])
    return cut_window(sounds.words.clip(row), end - length if last else start, length)


def sentence(sounds: Sounds, row: int, start: int, rng: np.random.Generator) -> Scene:
    """A second out of the sentence `row`, at another pace every third time; `shift` tells where its second lies."""
    clip = sounds.speech.clip(row)
    first = start - sounds.before
    if rng.random() < 0.3:
        edge = RATE // 4 + sounds.before // 2
        around = cut_window(clip, first - edge, sounds.window + 2 * edge)
        paced = at_pace(around, rng.uniform(0.8, 1.25), edge + sounds.before + RATE / 2)
        return Scene(middle(paced, sounds.window))
    window = cut_window(clip, first, sounds.window)
    if sounds.before:
        before_sentence(window, -first, sounds, rng)
        return Scene(window)
    return Scene(window, second_near(sounds.speech, row, start) * GRID - start)


def second_near(speech: Corpus, row: int, start: int) -> int:
    """Which of the clip's `all_seconds` a window from `start` on shows best."""
    return int(np.clip(round(start / GRID), 0, seconds_in(speech.lengths[row]) - 1))

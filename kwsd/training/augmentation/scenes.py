"""Builds training windows of speech, each drawn anew: a word in its second, or speech that is no command.

A command is spoken on its own. So a word with quiet before and after it has that word's label; a word that is cut off,
and every window of a sentence, is `_unknown_`. All windows are (`Sounds.window`,) float32. The label is that of the
last second; the samples before it are its left context (`kwsd.training.augmentation.left_context`). For windows without
speech, see `kwsd.training.augmentation.noises`.
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
"""The least pause (80 ms) that a window shows after a whole word; a longer one would delay the detection."""

_LATEST = RATE // 2
"""How far before its latest place (0.5 s) a word may lie: an earlier window should have detected it there."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A window, and the position of its clean second.

    `shift` is the position of that second's first sample in the window. It is None where the teacher's features of the
    clean second do not hold: the clip has neighbours or another pace, or the window is longer than a second.
    """

    window: Floats
    shift: int | None = None


def word(sounds: Sounds, row: int, rng: np.random.Generator, hardness: float, pace: float = 0.25) -> Scene:
    """One clip as a command: alone in its second or, more often with greater hardness (0 to 1), between sentences.

    `pace` is the probability that its speed and pitch are changed.
    """
    start, end = (int(edge) for edge in sounds.words.cores[row])
    if rng.random() < 0.95 - 0.6 * hardness:
        home = min(0, RATE - end)  # a synthetic clip may be longer, and its word end after the first second
        low, high = min(home, 160 - start), max(home, RATE - 160 - end)
        at_home = rng.random() < (0.1 if sounds.before else 0.3)  # more often, the second's edge would mark a command
        shift = home if at_home else int(np.clip(home + rng.integers(-1600, 1601), low, high))
        window, begin = _filled(sounds, row, shift, rng), sounds.before + shift + start
        paced = rng.random() < pace * hardness
        if paced:
            window, begin = _paced(window, begin, end - start, rng.uniform(0.85, 1.18), sounds.before)
        if sounds.before:
            before_word(window, begin, sounds, row, rng)
        return Scene(window, None if paced or sounds.before else shift)
    last = RATE - _MARGIN - (end - start)
    first = max(PAUSE, last - _LATEST)
    place = int(rng.integers(first, last)) if first < last else (RATE - (end - start)) // 2
    window, begin, length = _filled(sounds, row, place - start, rng), sounds.before + place, end - start
    if rng.random() < pace:
        faster = rng.uniform(0.9, 1.15)
        window, begin = _paced(window, begin, length, faster, sounds.before)
        length = int(length / faster)
    _neighbours(window, begin, begin + length, sounds, row, rng)
    return Scene(window)


def _paced(window: Floats, begin: int, length: int, pace: float, before: int) -> tuple[Floats, int]:
    """The window at another pace, and the new position of `begin`, where its word of `length` samples begins.

    The middle of its second stays in place, unless that would push a part of a slower word out of the second.
    """
    centre = before + RATE / 2
    if pace < 1:
        first, last = max(begin, before), min(begin + length, len(window))
        centre = min(centre, (first - before * pace) / (1 - pace))  # the word begins at `before` or later
        centre = max(centre, (last - len(window) * pace) / (1 - pace))  # and ends with the window or sooner
    return at_pace(window, pace, centre), int(centre + (begin - centre) / pace)


def _filled(sounds: Sounds, row: int, shift: int, rng: np.random.Generator) -> Floats:
    """The clip `row`, moved by `shift` in its second.

    Gaps are filled with the clip mirrored at its edges, or sometimes left silent; before the clip, a window longer than
    a second is filled with the clip's background."""
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
    """Put other speech before and after the word at [start, end), in place, with pauses between."""
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
    """A word in running speech: other speech, or other words, adjoin it on both sides without a pause."""
    start, end = (int(edge) for edge in sounds.words.cores[row])
    place = sounds.before + int(rng.integers(1600, max(1601, RATE - (end - start) - 1600)))
    window = cut_window(sounds.words.clip(row), start - place, sounds.window)
    last = min(sounds.window, place + end - start)
    level = rms(window[place:last])
    window[:place] = _talk_before(sounds, place, level, rng)
    window[last:] = levelled(_talk(sounds, sounds.window - last, rng, last=False), level, rng)
    return at_pace(window, rng.uniform(0.85, 1.2), sounds.before + RATE / 2) if rng.random() < 0.3 else window


def _talk_before(sounds: Sounds, length: int, level: float, rng: np.random.Generator) -> Floats:
    """`length` samples of speech without a pause at the end; several words fill a window longer than a second."""
    if not sounds.before:
        return levelled(_talk(sounds, length, rng, last=True), level, rng)
    return running_words(sounds, length, level, rng) if rng.random() < 0.5 else talk(sounds.speech, length, level, rng)


def _talk(sounds: Sounds, length: int, rng: np.random.Generator, *, last: bool) -> Floats:
    """`length` samples of speech without a pause at their end or, if not `last`, at their beginning."""
    if rng.random() < 0.5:
        return take(sounds.speech, rng, length)
    row = int(rng.integers(len(sounds.words)))
    start, end = (int(edge) for edge in sounds.words.cores[row])
    return cut_window(sounds.words.clip(row), end - length if last else start, length)


def sentence(sounds: Sounds, row: int, start: int, rng: np.random.Generator) -> Scene:
    """The second of the sentence `row` that starts at sample `start`; about one in three is at another pace."""
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
    """The number of the clip's second in `all_seconds` that is nearest to the one from `start` on."""
    return int(np.clip(round(start / GRID), 0, seconds_in(speech.lengths[row]) - 1))

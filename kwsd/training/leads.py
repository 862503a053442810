"""What was heard before the second that counts: nothing much, or talk, or a word, and then a pause.

A network that hears more than its second can tell a command from a word that somebody says in a row of words, and
knows the noise that it stands in. It must not learn that whoever spoke before is another speaker: people say one
command after the other. All sounds are (`Sounds.before`,) float32.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kwsd.events import RATE
from kwsd.training.corpus import Corpus
from kwsd.training.sounds import Floats, Sounds, excerpt, levelled, loudness, row_by_length

_QUIET = 800
"""Samples (50 ms) of a clip's background that are enough to make more of it."""

_FADE = 160


def before_word(sounds: Sounds, window: Floats, row: int, rng: np.random.Generator, *, talks: bool) -> Floats:
    """What was heard before `window`, the second in which the clip `row` is a command.

    Where somebody `talks` at its very edge, that talk goes on before it.
    """
    length, level = sounds.before, math.sqrt(loudness(window))
    if talks:
        return talk(sounds.speech, length, level, rng)
    lead = _background(sounds.words, row, length, rng)
    kind = rng.random()
    if kind < 0.5:  # talk, and a pause that begins before the second
        last = length - int(rng.integers(0, RATE // 2))
        lead[:last] += talk(sounds.speech, last, level, rng)
    elif kind < 0.65:
        _put_word(lead, sounds, row, level, rng)
    return lead


def before_noise(sounds: Sounds, rng: np.random.Generator) -> Floats:
    """What was said before a second without speech, or that nothing was."""
    lead = np.zeros(sounds.before, np.float32)
    if rng.random() < 0.4:
        last = sounds.before - int(rng.integers(0, RATE // 2))
        lead[:last] = talk(sounds.speech, last, 10 ** rng.uniform(-2.5, -0.8), rng)
    return lead


def before_sentence(window: Floats, outside: int, sounds: Sounds, rng: np.random.Generator) -> None:
    """Somebody else's talk, in place, in the `outside` samples of a window before its sentence begins, and a pause."""
    last = outside - int(rng.integers(1600, RATE // 2))
    if last > _QUIET and rng.random() < 0.5:
        window[:last] = talk(sounds.speech, last, math.sqrt(loudness(window)), rng)


def talk(speech: Corpus, length: int, level: float, rng: np.random.Generator) -> Floats:
    """`length` samples of speech: up to the end of a sentence, or of any other moment of it."""
    row = row_by_length(speech, rng)
    last = int(speech.cores[row][1])
    if rng.random() < 0.5:
        last = int(rng.integers(min(length, last), last + 1))
    return levelled(excerpt(speech.clip(row), last - length, length), level, rng)


def _background(words: Corpus, row: int, length: int, rng: np.random.Generator) -> Floats:
    """What the clip's room sounds like without the word, to and fro; or nothing."""
    start, _ = (int(edge) for edge in words.cores[row])
    if start < _QUIET or rng.random() < 0.25:
        return np.zeros(length, np.float32)
    quiet = excerpt(words.clip(row), 0, start)
    there_and_back = np.concatenate([quiet[::-1], quiet])
    lead: Floats = np.resize(there_and_back[::-1], length)[::-1].copy()  # its end is the clip's first sample
    return lead


def _put_word(lead: Floats, sounds: Sounds, row: int, level: float, rng: np.random.Generator) -> None:
    """Another word into `lead`, in place: every second time the same speaker's."""
    words = sounds.words
    others: NDArray[np.intp] = np.flatnonzero(words.speakers == words.speakers[row])
    other = int(rng.choice(others)) if rng.random() < 0.5 else int(rng.integers(len(words)))
    start, end = (int(edge) for edge in words.cores[other])
    last = len(lead) - int(rng.integers(0, RATE // 2))
    first = max(0, last - (end - start))
    sound = levelled(excerpt(words.clip(other), end - (last - first), last - first), level, rng)
    fade = min(_FADE, len(sound))
    sound[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    lead[first:last] += sound

"""What a window holds before its labelled second: background, talk or a word, and then a pause.

With this left context, a network can tell a command from a word within running speech, and knows the noise around it.
It must not learn that the earlier speech is always another speaker's: people say one command after another. Nor may a
window show where its second begins, since a microphone's signal does not either.
"""

from __future__ import annotations

import math

import numpy as np

from kwsd.audio.endpointing import cut_window
from kwsd.samples import RATE
from kwsd.training.augmentation.sounds import Floats, Sounds, levelled, loudness, row_by_length
from kwsd.training.corpus import Corpus

PAUSE = 2400
"""Samples of pause (150 ms) before a command: a stop inside a sentence is silent for nearly as long."""

_LEAST = 1600
"""The fewest samples of talk (0.1 s) that are added."""

_QUIET = 800
"""The fewest samples of a clip's background (50 ms) from which more of it is made."""

_FADE = 160


def before_word(window: Floats, start: int, sounds: Sounds, row: int, rng: np.random.Generator) -> None:
    """Add talk, another word or nothing before the word of the clip `row`, which begins at `start`, in place.

    A pause is left before the word."""
    last, kind = start - int(rng.integers(PAUSE, RATE)), rng.random()
    if last < _LEAST:
        return
    level = math.sqrt(loudness(window))
    if kind < 0.5:
        window[:last] += talk(sounds.speech, last, level, rng)
    elif kind < 0.65:
        word = _another(sounds.words, row, level, rng)[-last:]
        window[last - len(word) : last] += word


def before_noise(sounds: Sounds, rng: np.random.Generator) -> Floats:
    """Talk, or silence, before a second without speech: (`Sounds.before`,) float32."""
    lead = np.zeros(sounds.before, np.float32)
    last = sounds.before - int(rng.integers(0, RATE // 2))
    if rng.random() < 0.4 and last > _LEAST:
        lead[:last] = talk(sounds.speech, last, 10 ** rng.uniform(-2.5, -0.8), rng)
    return lead


def before_sentence(window: Floats, outside: int, sounds: Sounds, rng: np.random.Generator) -> None:
    """Add other talk and a pause, or nothing, in the `outside` samples of a window before its sentence, in place."""
    last = outside - int(rng.integers(_LEAST, RATE // 2))
    if last > _LEAST and rng.random() < 0.5:
        window[:last] = talk(sounds.speech, last, math.sqrt(loudness(window)), rng)


def talk(speech: Corpus, length: int, level: float, rng: np.random.Generator) -> Floats:
    """`length` samples of speech that end with a sentence or within one, at an RMS around `level` where not silent."""
    row = row_by_length(speech, rng)
    last = int(speech.cores[row][1])
    if rng.random() < 0.5:
        last = int(rng.integers(min(length, last), last + 1))
    return _ended(cut_window(speech.clip(row), last - length, length), level, rng)


def running_words(sounds: Sounds, length: int, level: float, rng: np.random.Generator) -> Floats:
    """`length` samples of words without pauses between them, each at an RMS around `level`."""
    words, pieces, missing = sounds.words, [], length
    while missing > 0:
        row = int(rng.integers(len(words)))
        start, end = (int(edge) for edge in words.cores[row])
        pieces.append(levelled(cut_window(words.clip(row), start, end - start), level, rng))
        missing -= max(_FADE, end - start)
    return np.pad(np.concatenate(pieces), (length, 0))[-length:]


def background(words: Corpus, row: int, length: int) -> Floats:
    """(length,) samples of the clip's background that lead up to its first sample.

    The sound before the word is repeated, alternately forwards and backwards; zeros if it is shorter than `_QUIET`."""
    start, _ = (int(edge) for edge in words.cores[row])
    if start < _QUIET:
        return np.zeros(length, np.float32)
    quiet = cut_window(words.clip(row), 0, start)
    backwards = np.resize(np.concatenate([quiet, quiet[::-1]]), length)
    return backwards[::-1].copy()


def _another(words: Corpus, row: int, level: float, rng: np.random.Generator) -> Floats:
    """A random word, cut to its extent; half of the time it is of the same speaker as `row`."""
    same = np.flatnonzero(words.speakers == words.speakers[row])
    other = int(rng.choice(same)) if rng.random() < 0.5 else int(rng.integers(len(words)))
    start, end = (int(edge) for edge in words.cores[other])
    return _ended(cut_window(words.clip(other), start, end - start), level, rng)


def _ended(sound: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Scale to an RMS around `level` where `sound` is not zero, and fade both ends to avoid clicks."""
    share = np.count_nonzero(sound) / max(1, len(sound))
    found, fade = levelled(sound, level * math.sqrt(share), rng), min(_FADE, len(sound) // 2)
    found[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    found[len(found) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return found

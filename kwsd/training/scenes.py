"""The windows that a network learns from, each made anew: a word in its second, speech that is none, noise.

A command is spoken on its own. So a word with quiet before and after it is that word; one that is cut off, and every
window out of a sentence, is `_unknown_`; sounds without speech are `_silence_`. All windows are (16000,) float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.scale import to_float
from kwsd.events import RATE
from kwsd.training.channels import through
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
    middle = len(window) / 2
    places = (np.arange(len(window)) - middle) * pace + middle
    moved: Floats = np.interp(places, np.arange(len(window)), window, left=0.0, right=0.0).astype(np.float32)
    return moved


def word(sounds: Sounds, row: int, rng: np.random.Generator, hardness: float, pace: float = 0.25) -> Scene:
    """One clip as a command: alone in its second, or, the more often the harder (0 to 1), between sentences.

    `pace` is how often it is said faster or slower, and higher or lower, than it was.
    """
    clip = sounds.words.clip(row)
    start, end = (int(edge) for edge in sounds.words.cores[row])
    if rng.random() < 0.95 - 0.6 * hardness:
        low, high = min(0, 160 - start), max(0, RATE - 160 - end)
        shift = 0 if rng.random() < 0.3 else int(np.clip(rng.integers(-1600, 1601), low, high))
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
    window = excerpt(sounds.speech.clip(row), start)
    if rng.random() < 0.3:
        return Scene(at_pace(window, rng.uniform(0.8, 1.25)))
    return Scene(window, second_near(sounds.speech, row, start) * GRID - start)


def second_near(speech: Corpus, row: int, start: int) -> int:
    """Which of the clip's `all_seconds` a window from `start` on shows best."""
    return int(np.clip(round(start / GRID), 0, seconds_in(speech.lengths[row]) - 1))


def silence(sounds: Sounds, rng: np.random.Generator, place: tuple[int, int] | None = None) -> Floats:
    """No speech: recorded noise at any level, two noises, a burst or a tone that was made here, or nothing at all.

    With a `place` (a clip of noise, and where in it), it is that noise.
    """
    kind = rng.random()
    if place is None and kind < 0.04:
        return np.zeros(RATE, np.float32)
    if place is not None or kind < 0.80:
        window = take(sounds.noise, rng) if place is None else excerpt(sounds.noise.clip(place[0]), place[1])
        if rng.random() < 0.3:
            window = window[::-1]
        if rng.random() < 0.3:
            window = window + take(sounds.noise, rng) * np.float32(10 ** rng.uniform(-1, 0.5))
        return at_pace(window, rng.uniform(0.6, 1.5)) if rng.random() < 0.3 else window
    background = rng.normal(0, 10 ** rng.uniform(-5, -2), RATE).astype(np.float32)
    return background + burst(rng)


def burst(rng: np.random.Generator) -> Floats:
    """A click, a tone, a sweep, or shaped noise with an envelope like a word's, somewhere in a second."""
    length = int(rng.integers(80, 12000))
    time = np.arange(length) / RATE
    if rng.random() < 0.5:
        sweep = rng.uniform(80, 3500) * time + rng.uniform(-2000, 2000) * time**2
        sound = sum(np.sin(2 * np.pi * sweep * k) / k for k in range(1, int(rng.integers(2, 8))))
    else:
        smooth = int(rng.integers(1, 24))
        sound = np.convolve(rng.normal(0, 1, length + smooth - 1), np.ones(smooth), "valid")
    envelope = np.minimum(1, time / rng.uniform(0.001, 0.1)) * np.exp(-time / rng.uniform(0.02, 1.0))
    window = np.zeros(RATE, np.float32)
    place = int(rng.integers(RATE - length))
    window[place : place + length] = sound * envelope
    return window * np.float32(rng.uniform(0.02, 0.5) / max(1e-6, float(np.abs(window).max())))


def recorded(window: Floats, sounds: Sounds, rng: np.random.Generator, *, noise: float, hardness: float) -> Floats:
    """The window as some microphone in some room hears it: a channel, noise (`noise` is how often), a level.

    Noise lies -2 to 30 dB under the window's louder half; one time in ten it is other people's talk, 12 dB under. At
    a hardness below 1 all of it is rarer, and weaker.
    """
    if rng.random() < 0.35 * hardness:
        window = through(window, sounds.channels[rng.integers(len(sounds.channels))])
    if rng.random() < noise * (0.3 + 0.7 * hardness):
        talk = rng.random() < 0.1
        other = take(sounds.speech if talk else sounds.noise, rng)
        snr = rng.uniform(12, 30) if talk else rng.uniform(10 - 12 * hardness, 30)
        loud = np.sort((window.reshape(100, 160) ** 2).mean(axis=1))[50:].mean()
        gain = np.sqrt(loud / max(1e-9, float((other * other).mean())) * 10 ** (-snr / 10))
        window = window + other * np.float32(gain)
    if rng.random() < 0.3:
        window = window + rng.normal(0, 10 ** rng.uniform(-5, -3), RATE).astype(np.float32)
    peak = float(np.abs(window).max())
    gain = min(10 ** rng.uniform(-1.3, 0.3), 4 / max(peak, 1e-6))
    heard: Floats = np.clip(window * np.float32(gain), -1, 1)
    return heard


def _rms(window: Floats) -> float:
    return float(np.sqrt(np.mean(window * window))) if len(window) else 0.0

"""Windows to learn from, cut from clips by threads; the same seed, epoch and number give the same window."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.decoding.files import FileSource, Parts, clip_length, read_clip
from kwsd.audio.endpointing import begin_of_speech, cut_window
from kwsd.errors import InputError
from kwsd.labels import SILENCE, can_fire
from kwsd.samples import RATE
from kwsd.training.finetuning.labelled import Labelled
from kwsd.training.finetuning.unreadable import Unreadable, is_silent

Floats = NDArray[np.float32]

_THREADS = 4
_JITTER = 10
"""A window is shifted by up to one part in this many of its length."""
LONG = 3
"""A recording into which this many windows fit is long speech rather than a clip."""
_PLACES = 4
_MOST_DECODED = 60 * RATE
"""The most samples of a recording that is decoded as a whole: hours would fill the memory."""


class Kind(Enum):
    """What a window is cut from: a clip, around its word, or a random place in a long recording of speech or noise."""

    CLIP = auto()
    SPEECH = auto()
    NOISE = auto()


@dataclass(frozen=True, slots=True)
class Example:
    """A window for training or for measuring; `label` is a column of the scores."""

    path: Path
    label: int
    kind: Kind = Kind.CLIP


def examples_of(labelled: Labelled, split: str, length: int) -> list[Example]:
    """The split's clips, one window of `length` samples each, and silence cut from noise, if there is any.

    There are as many windows of silence as a label has clips on average; `in_turn` says of which noise. A long
    recording of a label that is no word, such as an hour of talk, is cut anew each time: it gives as many windows as
    fit into it, up to that average, which several long recordings of a label share, with at least one window each.
    """
    clips = labelled.part(split)
    average = max(1, len(clips) // max(1, len({clip.label for clip in clips})))
    windows = {clip: 0 if can_fire(clip.label) else _windows_in(clip.path, length) for clip in clips}
    long = Counter(clip.label for clip in clips if windows[clip] >= LONG)
    found: list[Example] = []
    for clip in clips:
        column = labelled.labels.index(clip.label)
        if windows[clip] < LONG:
            found.append(Example(clip.path, column))
        else:
            share = max(1, average // long[clip.label])
            found += [Example(clip.path, column, Kind.SPEECH)] * min(windows[clip], share)
    if labelled.noise and clips:
        column = labelled.labels.index(SILENCE)
        found += [Example(labelled.noise[0], column, Kind.NOISE)] * average
    return found


def in_turn(examples: Sequence[Example], noise: Sequence[Path], seed: int, epoch: int) -> list[Example]:
    """The examples of an epoch: the recordings of noise take turns, in an order that `seed` draws.

    There may be more of them than windows of silence in an epoch, and those with similar names are often alike.
    """
    order = np.random.default_rng(seed).permutation(len(noise))
    turns = itertools.count(epoch * sum(example.kind is Kind.NOISE for example in examples))
    return [
        replace(example, path=noise[order[next(turns) % len(noise)]]) if example.kind is Kind.NOISE else example
        for example in examples
    ]


def _windows_in(path: Path, length: int) -> int:
    try:
        return clip_length(path) // length
    except InputError:  # reported when the clip is read
        return 0


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The order in which an epoch takes `count` examples."""
    return np.random.default_rng([seed, epoch]).permutation(count)


class Examples:
    """Reads examples as windows of `length` samples at 16 kHz."""

    def __init__(self, length: int, seed: int, unreadable: Unreadable, *, silence: int | None = None) -> None:
        """`silence` is the column of the silence label, whose clips alone may be silent.

        Other silent clips are left out: a word learnt from a muted microphone would fire at every muted microphone."""
        self._length, self._seed, self._unreadable, self._silence = length, seed, unreadable, silence
        self._parts = Parts()
        self._lengths: dict[Path, int] = {}  # of long recordings, counted: their headers may claim too much

    def batches(
        self, chosen: Sequence[tuple[int, Example]], size: int, epoch: int | None
    ) -> Iterator[tuple[Floats, NDArray[np.intp], int]]:
        """Yield windows (n, length), their labels (n,), and the number of examples taken, `size` examples at a time.

        `chosen` are examples with their numbers. With `epoch` None, for measuring, windows are not shifted. Clips that
        cannot be read, or are silent and should not be, are missing. Raises InputError if too many cannot be read.
        """
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="kwsd-clips") as pool:
            starts = range(0, len(chosen), size)
            waiting = [pool.submit(self._window, *chosen[n], epoch) for n in range(min(2 * size, len(chosen)))]
            for start in starts:
                taken, waiting = waiting[:size], waiting[size:]
                following = range(start + 2 * size, min(start + 3 * size, len(chosen)))
                waiting += [pool.submit(self._window, *chosen[n], epoch) for n in following]
                read = [(task.result(), chosen[start + place][1].label) for place, task in enumerate(taken)]
                whole = [(window, label) for window, label in read if window is not None]
                windows = [window for window, _ in whole]
                stacked = np.stack(windows) if windows else np.zeros((0, self._length), np.float32)
                yield stacked, np.array([label for _, label in whole], np.intp), len(taken)

    def _window(self, number: int, example: Example, epoch: int | None) -> Floats | None:
        rng = np.random.default_rng([self._seed, number, 0 if epoch is None else 1 + epoch])
        try:
            if example.kind is Kind.NOISE:
                return self._noise(example.path, rng)
            if example.kind is Kind.SPEECH:
                window = self._speech(example.path, rng)
                return None if is_silent(window) else window  # not reported: there may be talk elsewhere in it
            samples = read_clip(example.path)
        except InputError as error:
            self._unreadable.add(example.path, error)
            return None
        if is_silent(samples) and example.label != self._silence:
            self._unreadable.add_silent(example.path)
            return None
        return cut(samples, self._length, None if epoch is None else rng)

    def _noise(self, path: Path, rng: np.random.Generator) -> Floats:
        """A window from a random place in a recording of noise, scaled by a random factor from 0 to 1."""
        length, stretch = self._recording(path)
        start = int(rng.integers(max(1, length - self._length + 1)))
        loudness = np.float32(rng.uniform(0, 1))
        return loudness * cut_window(stretch(start), 0, self._length)

    def _speech(self, path: Path, rng: np.random.Generator) -> Floats:
        """The loudest of a few random windows of a recording of speech, as a single one may fall into a pause."""
        length, stretch = self._recording(path)
        starts = rng.integers(max(1, length - self._length + 1), size=_PLACES)
        windows = [cut_window(stretch(int(start)), 0, self._length) for start in starts]
        return max(windows, key=lambda window: float(np.square(window).sum()))

    def _recording(self, path: Path) -> tuple[int, Callable[[int], NDArray[np.int16]]]:
        """The length of a recording in samples, and a function that reads a window of it from a given sample on."""
        if path not in self._lengths:
            if clip_length(path) <= _MOST_DECODED:
                samples = read_clip(path)
                return len(samples), lambda start: samples[start : start + self._length]
            self._lengths[path] = sum(len(block.samples) for block in FileSource(path).blocks())
        return self._lengths[path], lambda start: self._parts.read(path, start, self._length)


def cut(samples: NDArray[np.int16], length: int, rng: np.random.Generator | None) -> Floats:
    """Cut (n,) int16 to (length,) float32 around the middle of the clip or, if it is longer, around its speech.

    Zeros fill the window outside the clip. With `rng`, the window is shifted by up to a tenth of its length.
    """
    begin = begin_of_speech(samples, length)
    if rng is not None:
        begin += int(rng.integers(-(length // _JITTER), length // _JITTER + 1))
    return cut_window(samples, begin, length)

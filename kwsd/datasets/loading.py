"""Loads the samples of recordings; every file is decoded once, however many clips it holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.decoding.files import FileSource
from kwsd.datasets.recordings import OnUnreadable, Recording
from kwsd.errors import InputError
from kwsd.samples import RATE

_SLACK_S, _SLACK_SHARE = 0.1, 0.01
"""How much a recording may fall short of its header's length, which is only approximate for MP3 and Ogg."""


def load(
    recordings: Iterable[Recording], unreadable: OnUnreadable | None = None
) -> Iterator[tuple[Recording, NDArray[np.int16]]]:
    """Yield each recording with its samples, (length,) int16 at 16 kHz, in order of file and start.

    Every file is decoded once, with little more than the longest clip in memory. For a file that cannot be read, or
    that ends before a clip does, `unreadable` is called and the rest left out; without it, InputError is raised.
    """
    for recording, _, samples in load_parts(recordings, unreadable, longest=None):
        yield recording, samples


def load_parts(
    recordings: Iterable[Recording], unreadable: OnUnreadable | None = None, *, longest: int | None
) -> Iterator[tuple[Recording, int, NDArray[np.int16]]]:
    """Yield parts of recordings: the recording, the part's start in its file, and at most `longest` samples, int16.

    The readable part of a damaged file is yielded before `unreadable` is called; otherwise as in `load`, which takes
    each recording as one part (None).
    """
    by_file: defaultdict[Path, list[Recording]] = defaultdict(list)
    for recording in recordings:
        by_file[recording.path].append(recording)
    for path in sorted(by_file):
        try:
            yield from _cut(path, sorted(by_file[path], key=lambda recording: recording.start), longest)
        except InputError as error:
            if unreadable is None:
                raise
            unreadable(error)


def _cut(path: Path, clips: list[Recording], longest: int | None) -> Iterator[tuple[Recording, int, NDArray[np.int16]]]:
    """The clips of one file, ordered by start; they may overlap."""
    with closing(_samples(path)) as blocks:
        reader = _Reader(blocks)
        for clip, later in zip(clips, [*clips[1:], None], strict=True):
            for at, samples in _parts(clip, reader, longest):
                yield clip, at, samples
                done = at + len(samples)
                reader.forget(done if later is None else min(done, later.start))
        with suppress(InputError):  # damage after the last clip does not matter
            next(blocks, None)  # a truncated file is detected only at its end


def _parts(clip: Recording, reader: _Reader, longest: int | None) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Yield a clip as a whole or, with `longest`, in parts as far as it can be read.

    Raises InputError where the clip is cut short by more than the tolerance."""
    at, stop = clip.start, clip.start + clip.length
    slack = max(_SLACK_S * RATE, _SLACK_SHARE * clip.length)
    while at < stop:
        end = stop if longest is None else min(stop, at + longest)
        samples, error = reader.take(at, end)
        there = at + len(samples)
        if error is None and there < min(end, stop - slack):
            error = InputError(f"{clip.path}: ends at sample {there}, before clip {clip.name!r} does (sample {stop})")
        if error is not None and longest is not None and there > clip.start:
            error = InputError(f"{error.what}; what came before was heard", error.remedy)
            if len(samples):
                yield at, samples
        if error is not None:
            raise error
        yield at, samples
        at = stop if there < end else end


class _Reader:
    """Reads the samples of a file once, in order, and holds those that may still be asked for."""

    def __init__(self, blocks: Iterator[NDArray[np.int16]]) -> None:
        self._blocks = blocks
        self._held = np.zeros(0, np.int16)
        self._begin = 0  # the number of the first sample held

    def take(self, start: int, stop: int) -> tuple[NDArray[np.int16], InputError | None]:
        """Samples `start` to `stop`, or as many of them as there are, and the error that ended the reading, if any.

        `start` must not have been forgotten.
        """
        pieces, end, error = [self._held], self._begin + len(self._held), None
        try:
            while end < stop and (block := next(self._blocks, None)) is not None:
                pieces.append(block)
                end += len(block)
                if end <= start:  # all of it lies before
                    pieces, self._begin = [], end
        except InputError as failed:
            error = failed
        self._held = np.concatenate(pieces) if pieces else self._held[:0]
        return self._held[max(0, start - self._begin) : max(0, stop - self._begin)].copy(), error

    def forget(self, before: int) -> None:
        """Drop the samples before this one, which are no longer needed."""
        drop = min(len(self._held), max(0, before - self._begin))
        self._held, self._begin = self._held[drop:], self._begin + drop


def _samples(path: Path) -> Generator[NDArray[np.int16], None, None]:
    for block in FileSource(path).blocks():
        yield block.samples

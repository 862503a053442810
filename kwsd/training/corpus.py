"""Recordings that are decoded once and read often: int16 samples in one memory map, and a table of the clips."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.endpointing import speech_extent
from kwsd.datasets.loading import load
from kwsd.datasets.recordings import Recording, find_recordings
from kwsd.datasets.transcripts import says, sentence
from kwsd.errors import InputError
from kwsd.training.cache import caching

log = logging.getLogger(__name__)

GRID = 8000
"""Samples from one second to the next in `all_seconds`."""

_EXTENTS = 5
"""The version of `speech_extent`'s results; it is raised when they change, so that no stale cache is read."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Clips of one kind. All arrays have one row a clip, except `samples`, which holds all clips end to end.

    `starts` and `lengths` are in samples; `cores` (clips, 2) says where in its clip the speech lies.
    """

    samples: NDArray[np.int16]
    labels: NDArray[np.str_]
    speakers: NDArray[np.str_]
    names: NDArray[np.str_]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    cores: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def clip(self, index: int) -> NDArray[np.int16]:
        """The samples of one clip (n,), a view."""
        start = int(self.starts[index])
        return self.samples[start : start + int(self.lengths[index])]

    def digest(self) -> str:
        """A hash of the clips' labels, speakers, names and lengths, in order; samples do not count."""
        told = hashlib.sha256()
        for row in zip(self.labels.tolist(), self.speakers.tolist(), self.names.tolist(), self.lengths, strict=True):
            told.update(repr((*row[:3], int(row[3]))).encode())
        return told.hexdigest()

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Corpus:
        """A corpus of the chosen clips only, over the same samples."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _COLUMNS})


_COLUMNS = tuple(field.name for field in fields(Corpus) if field.name != "samples")
"""The arrays with one row a clip, as they are cached."""


def join(first: Corpus, second: Corpus) -> Corpus:
    """Both corpora as one, with the first one's clips first; the samples are copied into memory."""
    second = replace(second, starts=second.starts + len(first.samples))
    return Corpus(*(np.concatenate([getattr(each, field.name) for each in (first, second)]) for field in fields(first)))


def first_seconds(corpus: Corpus) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first second of every clip: the clips' numbers and the start samples."""
    return np.arange(len(corpus)), np.zeros(len(corpus), np.int64)


def all_seconds(corpus: Corpus) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Seconds half a second apart in every clip, at least half of each within it: the clips' numbers, the starts.

    A clip shorter than half a second has one, too."""
    counts = seconds_in(corpus.lengths)
    rows = np.repeat(np.arange(len(corpus)), counts)
    return rows, (np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)) * GRID


def seconds_in(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of `all_seconds` lie in clips of these `lengths` in samples, (n,)."""
    return np.maximum(1, lengths // GRID)


def said(
    speech: Corpus, words: Sequence[str], guessed: Mapping[str, str], homophones: Mapping[str, str]
) -> NDArray[np.bool_]:
    """(clips, words): whether the word, or one that `homophones` maps to it, is said in the clip.

    It counts as said if it is in the clip's transcript (its label) or in the text that `guessed` has for its name.
    """

    def heard(transcript: str) -> list[str]:
        return [homophones.get(word, word) for word in sentence(transcript)]

    wanted = [heard(word) for word in words]
    found = np.zeros((len(speech), len(words)), bool)
    for row, (label, name) in enumerate(zip(speech.labels.tolist(), speech.names.tolist(), strict=True)):
        spoken = heard(f"{label} {guessed.get(name, '')}")
        found[row] = [says(spoken, word) for word in wanted]
    return found


def decode(
    folders: Sequence[Path],
    cache: Path,
    progress: Callable[[int, int], None] = lambda *_: None,
    find: Callable[[Path], list[Recording]] = find_recordings,
) -> Corpus:
    """All recordings that `find` finds in `folders`, decoded into `cache` unless an earlier call did so.

    The cache's name depends on the recordings' names, labels, speakers and positions in their files, and on the files'
    names, sizes and modification times, not on the samples. Its files are written atomically, so that a kill leaves no
    partial file, and concurrent runs do not disturb each other. A damaged file is logged and left out, unless it holds
    several clips.

    Raises:
        InputError: a folder holds no recordings, one file of several clips cannot be read, or more than one other file
            in twenty (and more than three).
        OutputError: `cache` cannot be written to.
        DeviceError: the disk is full.
    """
    recordings = [recording for folder in folders for recording in find(folder)]
    digest = hashlib.sha256(bytes([_EXTENTS]))
    for recording in recordings:
        told = recording.path.name, recording.name, recording.label, recording.speaker
        digest.update(repr((*told, recording.start, recording.length)).encode())
    for path in dict.fromkeys(recording.path for recording in recordings):
        try:
            file = path.stat()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}, but an index.tsv names it") from error
        digest.update(repr((file.st_size, file.st_mtime_ns)).encode())
    place = cache / digest.hexdigest()[:16]
    found = _decoded(place)
    if found is None:
        _decode(recordings, place, progress)
        found = _decoded(place)
        assert found is not None, place
    return found


def _decoded(place: Path) -> Corpus | None:
    """The corpus that an earlier call cached in `place`; None if there is none, or it is damaged (by a power cut)."""
    try:
        with (place / "clips.npz").open("rb") as file:
            table = np.load(file)
            rows = [table[name] for name in _COLUMNS]
        samples = np.memmap(place / "samples.int16", np.int16, "r")
    except (OSError, EOFError, KeyError, ValueError, BadZipFile):
        return None
    corpus = Corpus(samples, *rows)
    return corpus if len(samples) == corpus.lengths.sum() else None


def _decode(recordings: Sequence[Recording], place: Path, progress: Callable[[int, int], None]) -> None:
    rows: list[tuple[str, str, str, int, int, tuple[int, int]]] = []
    position = 0
    with caching(place / "samples.int16") as file:
        for recording, samples in _readable(recordings):
            core = speech_extent(samples)
            rows.append((recording.label, recording.speaker, recording.name, position, len(samples), core))
            file.write(samples.tobytes())
            position += len(samples)
            progress(len(rows), len(recordings))
        missing = len(recordings) - len(rows)
        if not rows or missing > max(3, len(recordings) // 20):
            raise InputError(f"{missing} of {len(recordings)} recordings cannot be read;", "repair or remove them")
    columns: dict[str, Any] = dict(zip(_COLUMNS, map(np.array, zip(*rows, strict=True)), strict=True))
    with caching(place / "clips.npz") as table:
        np.savez(table, **columns)


def _readable(recordings: Sequence[Recording]) -> Iterator[tuple[Recording, NDArray[np.int16]]]:
    """`load` without files that are damaged: one of thousands must not cost the others, which took hours.

    A file of several clips is left out at no time, as it may be all of a corpus."""
    by_file: defaultdict[Path, list[Recording]] = defaultdict(list)
    for recording in recordings:
        by_file[recording.path].append(recording)
    for path in sorted(by_file):
        yield from load(by_file[path], _leave_out if len(by_file[path]) == 1 else None)


def _leave_out(error: InputError) -> None:
    log.warning("left out: %s", error)

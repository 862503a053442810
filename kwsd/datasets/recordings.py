"""Finds recordings, with their labels, and each clip's place in its file."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kwsd.audio.decoding.files import clip_length
from kwsd.datasets.layouts import check_laid_out
from kwsd.datasets.speech_commands import speaker_of
from kwsd.datasets.transcripts import SUFFIXES, beside, clip_name
from kwsd.errors import InputError
from kwsd.shown import brief

log = logging.getLogger(__name__)

_INDEX = "index.tsv"
_DAMAGED = "fetch it again, or save it again"
_COLUMNS = ("file", "clip", "label", "speaker", "start", "length")
_MOST_SAMPLES = 1 << 53
"""A bound on places in a file, in samples, that no recording reaches; up to it every number is exact in a float."""
OnUnreadable = Callable[[InputError], None]
"""Called with the error of each file that cannot be read, or not to its end."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One clip: samples `start` to `start + length` of the file `path`, counted at 16 kHz.

    `speaker` is "" if the speaker is not known.
    """

    path: Path
    name: str
    label: str
    speaker: str
    start: int
    length: int


def find_recordings(folder: Path) -> list[Recording]:
    """All clips in `folder`, by file and start. Raises InputError where there are none, or an index is wrong.

    There are two layouts. Packed: an index.tsv in the folder, or anywhere below it, says which clips lie in which file.
    Otherwise a tree `label/clip.wav` (or flac, ogg, opus, mp3), without files that are no audio (see `whole`). If there
    is an index, the tree is ignored.
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.is_file() else "no such folder"
        raise InputError(f"{folder}: {what}; name one with an {_INDEX}, or with label/clip.wav in it")
    found = _indexed(folder) or list(whole(labelled_files(folder)))
    if not found:
        check_laid_out(folder)
        raise InputError(f"{folder}: no recordings: neither an {_INDEX} nor label/clip.wav (or flac, ogg, opus, mp3)")
    return found


def find_sounds(place: Path, unreadable: OnUnreadable | None = None) -> list[Recording]:
    """Speech or noise: one file, or all recordings in or below a folder, by file and start.

    A recording's label is its transcript from an index.tsv or from LibriSpeech's *.trans.txt beside it, otherwise "";
    folders' names do not count. Files that are no audio are left out (see `whole`). Raises InputError for none.
    """
    if place.is_file():
        files = [place]
    elif not place.is_dir():
        raise InputError(f"{place}: no such file or folder; name one with recordings")
    elif packed := _indexed(place):
        return packed
    else:
        paths = (path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and not _hidden(path, place))
        files = sorted(path for path in paths if path.is_file())
    said = {folder: beside(folder) for folder in {path.parent for path in files}}
    found = list(whole(((path, said[path.parent].get(clip_name(path.stem), "")) for path in files), unreadable))
    if not found:
        raise InputError(f"{place}: no recordings (wav, flac, ogg, opus, mp3); name another place")
    return found


def whole(files: Iterable[tuple[Path, str]], unreadable: OnUnreadable | None = None) -> Iterator[Recording]:
    """Whole files as recordings, each with its label.

    For a file that is no audio, `unreadable` is called, or without it a warning is logged, and it is left out."""
    for path, label in files:
        try:
            yield Recording(path, clip_name(path.stem), label, _speaker(path), 0, _length(path))
        except InputError as error:  # one bad file of thousands must not cost the others
            if unreadable is not None:
                unreadable(error)
            else:
                log.warning("left out: %s", error)


def _length(path: Path) -> int:
    """The length in samples, at least one. Raises InputError for a file without samples."""
    if length := clip_length(path):
        return length
    raise InputError(f"{path}: holds no sound, not one sample at 16 kHz")


def is_packed(folder: Path) -> bool:
    """Whether there is an index of clips in the folder or below it."""
    return next(folder.rglob(_INDEX), None) is not None


def _indexed(folder: Path) -> list[Recording]:
    found = (recording for index in sorted(folder.rglob(_INDEX)) for recording in _packed(index))
    return sorted(found, key=lambda recording: (recording.path, recording.start))


def _packed(index: Path) -> Iterator[Recording]:
    rows = _rows(index)
    columns = next(rows, [])
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        raise InputError(f"{index}: its first line lacks the columns: {', '.join(missing)}")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise InputError(f"{index}, line {number}: {len(row)} columns, where the first line has {len(columns)}")
        cells = dict(zip(columns, row, strict=True))
        try:
            start, length = int(cells["start"]), int(cells["length"])
        except ValueError as error:
            raise InputError(f"{index}, line {number}: {error}") from error
        if start < 0 or length <= 0 or start + length > _MOST_SAMPLES:
            what = f"no clip starts at {brief(str(start), 40)} and is {brief(str(length), 40)} samples long"
            raise InputError(f"{index}, line {number}: {what}")
        path = index.parent / cells["file"]
        yield Recording(path, clip_name(cells["clip"]), cells["label"], cells["speaker"], start, length)


def _rows(index: Path) -> Iterator[list[str]]:
    """The index's lines as cells, without a byte-order mark. Raises InputError, with the line where there is one."""
    number = 0
    try:
        with index.open("rb") as file:  # line by line: in text mode, invalid bytes are found a block ahead
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if "\0" in text:
                    raise InputError(f"{index}, line {number}: holds a NUL character", _DAMAGED)
                yield from csv.reader([text], delimiter="\t", quoting=csv.QUOTE_NONE)
    except UnicodeDecodeError as error:
        raise InputError(f"{index}, line {number}: not UTF-8", _DAMAGED) from error
    except csv.Error as error:
        raise InputError(f"{index}, line {number}: {error}", _DAMAGED) from error
    except OSError as error:
        raise InputError(f"{index}: cannot be read ({error.strerror or error})", _DAMAGED) from error


def labelled_files(folder: Path) -> list[tuple[Path, str]]:
    """The files of a tree `label/clip.wav`, each with its label, readable or not."""
    found = (path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES and not _hidden(path, folder))
    return [(path, path.parent.name) for path in sorted(found)]


def _hidden(path: Path, folder: Path) -> bool:
    """Whether a file, or a folder between `folder` and it, is hidden, such as .Trash."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _speaker(path: Path) -> str:
    """The speaker in the name of a clip, if it has the form of Speech Commands' names; otherwise ""."""
    speaker = speaker_of(path.stem)
    return "" if speaker == path.stem else speaker

"""Finds recordings, with their labels, and each clip's place in its file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from kwsd.audio.decoding.files import clip_length
from kwsd.datasets.index_file import INDEX, has_index, read_index
from kwsd.datasets.layouts import check_laid_out
from kwsd.datasets.passed_over import others_in, tell_skipped, tell_unread
from kwsd.datasets.speech_commands import speaker_of
from kwsd.datasets.transcripts import SUFFIXES, beside, clip_name
from kwsd.datasets.walking import file_number, listing, walk
from kwsd.errors import InputError
from kwsd.shown import first_few, several

log = logging.getLogger(__name__)

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


def find_recordings(folder: Path, unreadable: OnUnreadable | None = None) -> list[Recording]:
    """All clips in `folder`, by file and start. Raises InputError where there are none, or an index is wrong.

    There are two layouts. Packed: an index.tsv in the folder, or anywhere below it, says which clips lie in which file
    in or below its own folder. Elsewhere a tree `label/clip.wav` (or flac, ogg, opus, mp3), without files that are no
    audio (see `whole`).
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.is_file() else "no such folder"
        raise InputError(f"{folder}: {what}; name one with an {INDEX}, or with label/clip.wav in it")
    found = [*_packed(_contents(folder)[0]), *whole(labelled_files(folder, quiet=True), unreadable)]
    if not found:
        refuse_without_clips(folder)
    return _ordered(found)


def refuse_without_clips(folder: Path) -> NoReturn:
    """Raise the InputError of a folder without clips, which says what it has to hold."""
    check_laid_out(folder)
    raise InputError(f"{folder}: no recordings: neither an {INDEX} nor label/clip.wav (or flac, ogg, opus, mp3)")


def find_sounds(place: Path, unreadable: OnUnreadable | None = None) -> list[Recording]:
    """Speech or noise: one file, or all recordings in or below a folder, by file and start.

    A recording's label is its transcript from an index.tsv or from LibriSpeech's *.trans.txt beside it, otherwise "";
    folders' names do not count. Files that are no audio are left out (see `whole`). Raises InputError for none.
    """
    if place.is_file():
        indexes, files = list[Path](), [place]
    elif not place.is_dir():
        raise InputError(f"{place}: no such file or folder; name one with recordings")
    else:
        indexes, below = _contents(place)
        tell_unread(place, below)
        files = [path for path in below if path.suffix.lower() in SUFFIXES]
    said = {folder: beside(folder) for folder in {path.parent for path in files}}
    transcribed = ((path, said[path.parent].get(clip_name(path.stem), "")) for path in files)
    found = [*_packed(indexes), *whole(transcribed, unreadable)]
    if not found:
        raise InputError(f"{place}: no recordings (wav, flac, ogg, opus, mp3); name another place")
    return _ordered(found)


def whole(files: Iterable[tuple[Path, str]], unreadable: OnUnreadable | None = None) -> Iterator[Recording]:
    """Whole files as recordings, each with its label.

    For a file that is no audio, `unreadable` is called, or without it a warning is logged, and it is left out. A file
    to which several links lead is taken once for each label, and the others are logged."""
    seen: set[tuple[tuple[int, int] | None, str]] = set()
    again: list[str] = []
    for path, label in files:
        if (once := (file_number(path), label)) in seen:
            again.append(str(path))
            continue
        try:
            yield Recording(path, clip_name(path.stem), label, _speaker(path), 0, _length(path))
        except InputError as error:  # one bad file of thousands must not cost the others
            if unreadable is not None:
                unreadable(error)
            else:
                log.warning("left out: %s", error)
            continue
        seen.add(once)
    if again:
        links = several(len(again), "more link")
        log.warning("%s to recordings that are counted already: %s", links, first_few(again, 1))


def _length(path: Path) -> int:
    """The length in samples, at least one. Raises InputError for a file without samples."""
    if length := clip_length(path):
        return length
    raise InputError(f"{path}: holds no sound, not one sample at 16 kHz")


def is_packed(folder: Path) -> bool:
    """Whether there is an index of clips in the folder or below it."""
    return any(has_index(inside.place) for inside in walk(folder, quiet=True))


def _contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """The indexes in a folder and below it, and the files that lie neither beside an index nor below it."""
    indexes: list[Path] = []
    files: list[Path] = []
    packed: set[Path] = set()
    for inside in walk(folder):
        if has_index(inside.place):
            indexes.append(inside.place / INDEX)
            packed.add(inside.place)
        elif inside.place.parent in packed:
            packed.add(inside.place)
        else:
            files += inside.files
    return sorted(indexes), sorted(files)


def _packed(indexes: Sequence[Path]) -> Iterator[Recording]:
    for index in indexes:
        for row in read_index(index):
            path = index.parent / row.file
            yield Recording(path, clip_name(row.clip), row.label, row.speaker, row.start, row.length)


def _ordered(found: Sequence[Recording]) -> list[Recording]:
    return sorted(found, key=lambda recording: (recording.path, recording.start))


def labelled_files(folder: Path, *, quiet: bool = False) -> list[tuple[Path, str]]:
    """The files of a tree `label/clip.wav`, each with its label, readable or not, where no index says what is there.

    What else lies beside the clips of a label and may be meant as one is logged, and so are, unless `quiet`, folders
    that cannot be listed."""
    if has_index(folder):
        return []
    found: list[tuple[Path, str]] = []
    for place in listing(folder, quiet=quiet).folders:
        inside = listing(place, quiet=quiet)
        clips = [path for path in inside.files if path.suffix.lower() in SUFFIXES]
        if not clips or has_index(place):
            continue
        if others := others_in([*inside.folders, *inside.files]):
            tell_skipped(place, others)
        found += [(path, place.name) for path in clips]
    return found


def _speaker(path: Path) -> str:
    """The speaker in the name of a clip, if it has the form of Speech Commands' names; otherwise ""."""
    speaker = speaker_of(path.stem)
    return "" if speaker == path.stem else speaker

"""Selects the labelled clips that are scored: of a training set, the model has learnt from most clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kwsd.datasets.layouts import Clip, table
from kwsd.datasets.recordings import (
    OnUnreadable,
    Recording,
    find_recordings,
    is_packed,
    labelled_files,
    refuse_without_clips,
    whole,
)
from kwsd.datasets.speech_commands import listed, listed_split, which_split
from kwsd.datasets.splits import divided
from kwsd.datasets.walking import file_number
from kwsd.errors import InputError
from kwsd.labels import NOISE
from kwsd.samples import RATE

_RULE = "the rule of kwsd train"
_LISTS = "the lists in the folder"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The clips of a `split`, or of "all", with notes on the choice."""

    split: str
    clips: list[Recording]
    notes: tuple[str, ...]


def clips_of(place: Path, split: str = "", unreadable: OnUnreadable | None = None) -> Chosen:
    """The clips of one split, or of "all".

    `place` is a folder that `find_recordings` reads, or a table that `kwsd.datasets.layouts` reads. Without a `split`,
    the test clips are taken where Speech Commands' lists or a table's column name them, otherwise all. Recordings of
    noise belong to no split: they are always added, second by second. `unreadable` is called for files that are no
    audio.

    Raises:
        InputError: there is nothing to read, or no clip is of that split.
    """
    if not place.exists():
        raise InputError(f"{place}: no such folder or table; name a tree label/clip.wav, or a CSV with file and label")
    found = _of_table(place, split, unreadable) if place.is_file() else _of_folder(place, split, unreadable)
    clips = [*found.clips, *(second for noise in found.noise for second in seconds_of(noise))]
    if found.split != "all" and not found.clips:
        what = f"{place}: no clip that can be read is for {found.split}, by {found.by}"
        raise InputError(f"{what}; --split all takes all of them")
    if not clips:
        remedy = "give their paths relative to the table's folder" if place.is_file() else "name another place"
        raise InputError(f"{place}: none of its clips can be read;", remedy)
    notes: tuple[str, ...] = ()
    if found.split != "all":
        notes = (f"{found.split}: {len(found.clips)} of {found.total} clips, by {found.by} (--split)",)
    elif found.by == _RULE and not split:
        notes = ("all clips; if kwsd train learnt from them, --split test takes those that it left out",)
    return Chosen(found.split, clips, notes)


@dataclass(frozen=True, slots=True)
class _Found:
    """The clips of a split, out of `total`; the recordings of noise; and `by`, what decides a clip's split."""

    split: str
    clips: list[Recording]
    total: int
    noise: list[Recording]
    by: str


def _of_table(place: Path, split: str, unreadable: OnUnreadable | None) -> _Found:
    rows, noise = table(place)
    named = any(clip.split for clip in rows)
    return _of_files(rows, noise, split or _usual(named), unreadable, by="the table" if named else _RULE)


def _of_folder(place: Path, split: str, unreadable: OnUnreadable | None) -> _Found:
    lists = listed(place)
    if is_packed(place):
        return _of_index(find_recordings(place, unreadable), lists, split or _usual(bool(lists)))
    files = labelled_files(place)
    if not files:
        refuse_without_clips(place)
    rows = [Clip(path, label, listed_split(lists, label, path.name)) for path, label in files if label != NOISE]
    noise = [path for path, label in files if label == NOISE]
    return _of_files(rows, noise, split or _usual(bool(lists)), unreadable, by=_LISTS if lists else _RULE)


def _of_index(found: Sequence[Recording], lists: Mapping[str, str], split: str) -> _Found:
    def own(clip: Recording) -> str:
        return listed_split(lists, clip.label, clip.path.name) if lists else which_split(clip.speaker or clip.name)

    clips = [clip for clip in found if clip.label != NOISE]
    kept = [clip for clip in clips if split in ("all", own(clip))]
    noise = [clip for clip in found if clip.label == NOISE]
    return _Found(split, kept, len(clips), noise, _LISTS if lists else "Speech Commands' rule, by speaker")


def _of_files(
    rows: Sequence[Clip], noise: Iterable[Path], split: str, unreadable: OnUnreadable | None, by: str
) -> _Found:
    """Divide all files, as in training does, and only then leave out those that cannot be read."""
    files = [(clip.path, clip.label) for clip in divided(rows) if split in ("all", clip.split)]
    quiet = whole(((path, NOISE) for path in noise), unreadable)
    return _Found(split, list(whole(files, unreadable)), len(rows), list(quiet), by)


def _usual(named: bool) -> str:
    """The default split, by whether the folder or table names its splits."""
    return "test" if named else "all"


def seconds_of(noise: Recording) -> Iterator[Recording]:
    """Each second of a recording as a recording of its own; one shorter than two seconds as it is."""
    if noise.length < 2 * RATE:
        yield noise
        return
    for start in range(noise.start, noise.start + noise.length - RATE + 1, RATE):
        yield replace(noise, name=f"{noise.name}-{start // RATE}", start=start, length=RATE)


def beside_clips(noise: Iterable[Recording], clips: Iterable[Recording]) -> list[Recording]:
    """The seconds of recordings of noise that are not among the clips as noise already."""
    there = {file_number(clip.path) for clip in clips if clip.label == NOISE}
    return [second for sound in noise if file_number(sound.path) not in there for second in seconds_of(sound)]


def without_inferred(recordings: Sequence[Recording]) -> list[Recording]:
    """The recordings without those whose label a machine gave (`WORD-inferred.opus`), which must not be scored."""
    return [clip for clip in recordings if clip.path.stem != f"{clip.label}-inferred"]

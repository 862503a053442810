"""Labelled clips to train a classifier on: a folder tree, Speech Commands with its lists, or a table.

The split of Speech Commands where it has lists (validation_list.txt, testing_list.txt), the column `split` of a table
where it has one; else Speech Commands' own rule: a tenth each for validation and test, by a hash of the speaker.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kwsd.audio.recordings import SUFFIXES
from kwsd.errors import InputError
from kwsd.labels import SILENCE, UNKNOWN
from kwsd.texts import read_text

log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
_NOISE = "_background_noise_"
_NO_NOISE: tuple[Path, ...] = ()
_LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}
_NAMES = {"valid": "validation", "dev": "validation", "testing": "test", "training": "train"}
_LARGEST = 2**27 - 1  # of the rule that Speech Commands describes


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording, its label, and which part of the data it belongs to."""

    path: Path
    label: str
    split: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """What there is to learn from: the labels in the order of the scores, clips, and recordings of noise."""

    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    noise: tuple[Path, ...]

    def part(self, split: str) -> list[Clip]:
        """The clips of one split."""
        return [clip for clip in self.clips if clip.split == split]


def find_labelled(data: Path, words: Sequence[str] = ()) -> Labelled:
    """The clips below a folder, or in a CSV or TSV table with the columns file and label (and split).

    With `words`, all other labels become `_unknown_`. Noise (`_background_noise_`) is learnt as `_silence_`.

    Raises:
        InputError: there is no such place, a class is empty or has nothing to train on, there are fewer than two, or
            one of `words` is missing.
    """
    if data.is_file():
        clips, noise = _table(data), _NO_NOISE
    elif data.is_dir():
        clips, noise = _tree(data)
    else:
        raise InputError(f"{data}: no such folder or table; name a tree label/clip.wav, or a CSV with file and label")
    here = {clip.label for clip in clips}
    missing = [word for word in words if word not in here]
    if missing:
        raise InputError(f"{data} has no clips of {', '.join(missing)}; it has {', '.join(sorted(here)) or 'none'}")
    if words:
        kept = {*words, SILENCE}
        clips = [clip if clip.label in kept else replace(clip, label=UNKNOWN) for clip in clips]
    learnt = Counter(clip.label for clip in clips if clip.split == "train")
    bare = sorted({clip.label for clip in clips} - set(learnt))
    if bare:
        raise InputError(f"{data}: {', '.join(bare)}: no clips to train on, all are for validation or test; add some")
    ordered = [label for label in sorted(learnt) if label not in (UNKNOWN, SILENCE)]
    ordered += [label for label in (UNKNOWN, SILENCE) if label in learnt or (label == SILENCE and noise)]
    if len(ordered) < 2:
        raise InputError(f"{data}: {len(ordered)} classes; it takes two to tell apart: a folder for each, with clips")
    return Labelled(tuple(ordered), tuple(clips), tuple(noise))


def which_split(name: str) -> str:
    """The rule of Speech Commands: all clips of a speaker (what is before `_nohash_`) on one side, for ever."""
    speaker = re.sub(r"_nohash_.*$", "", name)
    digest = hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest()
    percent = int(digest, 16) % (_LARGEST + 1) * (100.0 / _LARGEST)
    return "validation" if percent < 10 else "test" if percent < 20 else "train"


def _tree(folder: Path) -> tuple[list[Clip], tuple[Path, ...]]:
    """label/clip.wav; noise lies in a folder of its own."""
    listed = dict(_lists(folder))
    clips: list[Clip] = []
    noise: list[Path] = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        found = sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
        if not found:
            raise InputError(f"{place}: the class {place.name!r} is empty; put clips there, or remove the folder")
        if place.name == _NOISE:
            noise = found
            continue
        for path in found:
            key = f"{place.name}/{path.name}"
            split = listed.get(key, "train") if listed else which_split(path.name)
            clips.append(Clip(path, place.name, split))
    if not clips:
        raise InputError(f"{folder}: no clips: lay them out as label/clip.wav (or flac, ogg, opus, mp3)")
    return clips, tuple(noise)


def _lists(folder: Path) -> Iterator[tuple[str, str]]:
    """The official lists: "word/clip.wav" -> its split."""
    for name, split in _LISTS.items():
        if (folder / name).is_file():
            for line in (folder / name).read_text(encoding="utf-8").split():
                yield line, split


def _table(path: Path) -> list[Clip]:
    """The rows of a CSV or, by its first line, TSV table. Files are named from the table's own folder on."""
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a table: {error}") from error
    rows = csv.DictReader(lines, delimiter="\t" if "\t" in (lines or [""])[0] else ",")
    columns = rows.fieldnames or []
    named = next((name for name in ("file", "path", "filename") if name in columns), None)
    if named is None or "label" not in columns:
        raise InputError(f"{path}: its first line must name the columns file and label (and split, if you like)")
    found = []
    for number, row in enumerate(rows, start=2):
        file, label = (row.get(named) or "").strip(), (row.get("label") or "").strip()
        if not file or not label:
            raise InputError(f"{path}, line {number}: no file or no label")
        split = (row.get("split") or "").strip().lower() or which_split(Path(file).name)
        split = _NAMES.get(split, split)
        if split not in SPLITS:
            raise InputError(f"{path}, line {number}: split is {split!r}; it must be train, validation or test")
        found.append(Clip(path.parent / file, label, split))
    return found


class Unreadable:
    """Clips that cannot be read: each is named once and left out; too many end the run."""

    def __init__(self, of: int) -> None:
        """`of` clips there are in all: one in twenty may be bad, and three in any case."""
        self.most = max(3, of // 20)
        self.found: set[Path] = set()

    def add(self, path: Path, error: InputError) -> None:
        """Name `path` on the log. Raises InputError where that makes too many."""
        if path in self.found:
            return
        self.found.add(path)
        log.warning("left out: %s", error)
        if len(self.found) > self.most:
            raise InputError(f"{len(self.found)} clips cannot be read, the last is {path}: repair or remove them")


def weights_of(clips: Iterable[Clip], labels: Sequence[str]) -> list[float]:
    """A weight a label, one over its share, with a mean of one over the clips; 1 for labels without clips."""
    counts = Counter(clip.label for clip in clips)
    total, known = sum(counts.values()), max(1, len(counts))
    return [total / (known * counts[label]) if counts[label] else 1.0 for label in labels]

"""Finds labelled clips on the disk: in a folder tree, in Speech Commands with its lists, or by a table.

Speech Commands' lists (validation_list.txt, testing_list.txt) or a table's column `split` say which split a clip
belongs to; otherwise see `kwsd.datasets.splits`.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from kwsd.datasets.passed_over import others_in, tell_skipped
from kwsd.datasets.speech_commands import SPLITS, listed, listed_split
from kwsd.datasets.transcripts import SUFFIXES
from kwsd.errors import InputError
from kwsd.labels import NOISE
from kwsd.shown import brief, first_few, several
from kwsd.texts import lines_of, read_text, reason

log = logging.getLogger(__name__)

_NAMES = {"valid": "validation", "dev": "validation", "testing": "test", "training": "train"}


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording, its label, and its split, "" if neither a list nor a table names one."""

    path: Path
    label: str
    split: str


def tree(folder: Path, besides: Collection[Path] = ()) -> tuple[list[Clip], tuple[Path, ...]]:
    """The clips label/clip.wav below a folder, and the recordings in its folder of noise.

    The folders `besides` the clips are not taken for classes. Files of a class that may be meant as clips but are not
    read are logged. Raises InputError for a class without clips.
    """
    lists, set_apart = listed(folder), {place.resolve() for place in besides}
    clips: list[Clip] = []
    noise: list[Path] = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if place.resolve() in set_apart:
            continue
        entries = sorted(path for path in place.iterdir() if path.name[0] != ".")
        found = [path for path in entries if path.suffix.lower() in SUFFIXES]
        others = others_in(entries)
        if not found:
            raise InputError(f"{place}: the class {place.name!r} {_instead(entries, others)}")
        if others:
            tell_skipped(place, others)
        if place.name == NOISE:
            noise = found
            continue
        clips += [Clip(path, place.name, listed_split(lists, place.name, path.name)) for path in found]
    if not clips:
        check_laid_out(folder)
        raise InputError(f"{folder}: no clips: lay them out as label/clip.wav (or flac, ogg, opus, mp3)")
    if loose := _loose(folder):
        some = first_few(loose, 1)
        log.warning("%s: %s skipped, as no folder gives the label; lay them out as label/clip.wav", folder, some)
    if lists and not any(f"{clip.label}/{clip.path.name}" in lists for clip in clips):
        log.warning("%s: its lists name none of the clips: all are to train on; a line is label/clip.wav", folder)
    return clips, tuple(noise)


def check_laid_out(folder: Path) -> None:
    """Raise InputError where clips lie directly in a folder that should hold label/clip.wav."""
    if _loose(folder):
        what = f"{folder}: its clips lie directly in it, but kwsd takes the label from a folder's name;"
        raise InputError(what, "name the folder above, or lay them out as label/clip.wav")


def _loose(folder: Path) -> list[str]:
    """The names of recordings that lie directly in the folder."""
    sounds = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    return sorted(path.name for path in sounds if path.is_file())


def _instead(entries: Sequence[Path], others: str) -> str:
    """What a class without clips holds instead, and the remedy."""
    if not others:
        return "is empty; put clips into it, or remove the folder"
    if any(path.suffix.lower() in SUFFIXES for folder in entries if folder.is_dir() for path in folder.rglob("*")):
        return (
            f"has no clips directly in it, but {others}; move the clips up, to label/clip.wav: those that are called "
            "PERSON_nohash_0.wav, PERSON_nohash_1.wav and so on stay together as one person's"
        )
    convert = "convert them (ffmpeg -i FILE out.wav)"
    return f"has no clips, but {others}: {convert}; put clips into it, or remove the folder"


def table(path: Path) -> tuple[list[Clip], tuple[Path, ...]]:
    """The clips of a CSV or TSV table, as its first line tells, and the recordings of noise, whatever their split.

    Files are named relative to the table's folder. Raises InputError, with the line where there is one.
    """
    try:
        lines = lines_of(read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        sound = isinstance(error, UnicodeDecodeError) and path.suffix.lower() in SUFFIXES
        what = "a recording, not a table" if sound else f"cannot be read as a table ({reason(error)})"
        remedy = "name a CSV in UTF-8 with the columns file and label, or a folder label/clip.wav"
        raise InputError(f"{path}: {what};", remedy) from error
    torn = next((number for number, line in enumerate(lines, start=1) if "\0" in line), None)
    if torn is not None:  # no file is called so
        raise InputError(f"{path}, line {torn}: contains a NUL character; save the table again, as plain text in UTF-8")
    tabs = "\t" in (lines or [""])[0]
    rows = csv.DictReader(lines, strict=True)
    if tabs:  # a sentence may begin with a quote there
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    try:
        if tabs:
            rows.fieldnames = [_unquoted(name) for name in rows.fieldnames or ()]
        return _rows(path, rows)
    except csv.Error as error:
        what = f"{path}, line {rows.reader.line_num}: no table ({error})"
        said = "a quote within quotes is written twice, and nothing stands between quotes and commas"
        raise InputError(f"{what}; {said}") from error


def _rows(path: Path, rows: csv.DictReader[str]) -> tuple[list[Clip], tuple[Path, ...]]:
    columns = rows.fieldnames or []
    named = next((name for name in ("file", "path", "filename") if name in columns), None)
    if named is None or "label" not in columns:
        wanted = "its first line must name the columns file and label (and split, if you like)"
        found = f"it has {brief(', '.join(columns), 80)!r}" if any(columns) else "it is empty"
        raise InputError(f"{path}: {wanted}, between commas or tabs; {found}")
    if {"start", "length"} <= set(columns):
        what = f"{path}: an index of clips in long recordings, no table of files;"
        raise InputError(what, "kwsd eval takes its folder, and kwsd train a file for each clip")
    noise: list[Path] = []
    seen: dict[Path, Clip] = {}
    again = 0
    for row in rows:
        number = rows.line_num  # blank lines give no row, and quoted text may take several
        file, label = _cell(row, named), _cell(row, "label")
        if not file or not label:
            raise InputError(f"{path}, line {number}: no file or no label")
        if label == NOISE:
            noise.append(path.parent / file)
            continue
        split = _cell(row, "split").lower()
        split = _NAMES.get(split, split)
        if split not in ("", *SPLITS):
            raise InputError(f"{path}, line {number}: split is {split!r}; it must be train, validation or test")
        clip = Clip(path.parent / file, label, split)
        before = seen.setdefault(Path(normpath(clip.path)), clip)
        if (before.label, before.split) != (clip.label, clip.split):
            raise InputError(
                f"{path}, line {number}: {file} is listed twice, with different labels or splits; remove one line"
            )
        again += before is not clip
    if not seen and not noise:
        raise InputError(f"{path}: no clips below its first line;", "write a line for each, with its file and label")
    if again:
        log.warning("%s: %s left out, as lines above name the same files", path, several(again, "line"))
    return list(seen.values()), tuple(noise)


def _cell(row: Mapping[str, str | None], column: str) -> str:
    return _unquoted((row.get(column) or "").strip())


def _unquoted(cell: str) -> str:
    """A cell without the quotes that some programs put around every cell, in tables with tabs as well."""
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if quoted else cell

"""Streams, and the tables of the words that are spoken in them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio import wav
from kwsd.audio.decoding.files import read_clip
from kwsd.errors import InputError
from kwsd.evaluation.output_files import free_place, output, save_wav
from kwsd.labels import spelt
from kwsd.samples import RATE, seconds
from kwsd.shown import readable
from kwsd.texts import lines_of, read_text, reason

log = logging.getLogger(__name__)

_COLUMNS = ("start_s", "end_s", "word")
_LONGEST_S = 1e9
"""A bound on times, in seconds, that no recording reaches: thirty years."""


@dataclass(frozen=True, slots=True, order=True)
class SpokenWord:
    """A word, from sample `start` to `end` (exclusive) of its stream.

    `clip` names the recording that it came from, "" if that is not known; one clip may occur several times.
    """

    start: int
    end: int
    word: str
    clip: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Audio (n,) int16 at 16 kHz and the words that are spoken in it, by start; `notes` are for its report."""

    name: str
    samples: NDArray[np.int16]
    words: tuple[SpokenWord, ...]
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / RATE

    def spelt(self, words: Collection[str]) -> Stream:
        """The stream with its words in the case that they have among `words`, where only one of these matches."""
        return replace(self, words=tuple(replace(each, word=spelt(each.word, words)) for each in self.words))


def read_stream(audio: Path, table: Path) -> Stream:
    """Read a recording, in any format that libsndfile reads, and its TSV of words.

    Raises InputError if either cannot be read, or if a word lies outside the recording."""
    words = parse_table(table)
    samples = read_clip(audio)
    beyond = [word for word in words if word.end > len(samples) + RATE // 10]
    if beyond:
        raise InputError(
            f"{table}: {beyond[0].word!r} ends at {seconds(beyond[0].end)} s, but {audio} at {seconds(len(samples))} s"
        )
    return Stream(readable(audio.name), samples, words)


def parse_table(table: Path) -> tuple[SpokenWord, ...]:
    """The words of a TSV of start_s, end_s and word, by start; a header line is optional.

    Audacity's labels are such a table; its lines of frequencies, which begin with a backslash, are passed over. A line
    that is there twice counts once, and is logged. Raises InputError, which names the line."""
    try:
        text = read_text(table)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{table}: cannot be read ({reason(error)})", "name a table of start_s, end_s, word"
        ) from error
    words: dict[SpokenWord, None] = {}
    headed = False
    for number, line in enumerate(lines_of(text), start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells) or cells[0] == "\\":
            continue
        if not words and not headed and tuple(cell.casefold() for cell in cells[:3]) == _COLUMNS:
            headed = True
            continue
        try:
            start, end, word = float(cells[0]), float(cells[1]), cells[2]
        except (ValueError, IndexError) as error:
            what = "not start_s, end_s and word, separated by tabs; write a second and a half as 1.5"
            raise InputError(f"{table}, line {number}: {what}") from error
        if not word:
            raise InputError(f"{table}, line {number}: the word is missing;", "write it after start_s and end_s")
        if not 0 <= start < end < _LONGEST_S:
            what = f"a word cannot last from {cells[0]} s to {cells[1]} s;"
            remedy = f"it must start at 0 s or later, and end after that and before {_LONGEST_S:g} s"
            raise InputError(f"{table}, line {number}: {what}", remedy)
        spoken = SpokenWord(round(start * RATE), round(end * RATE), word, cells[3] if len(cells) > 3 else "")
        if spoken in words:
            log.warning("%s, line %d: left out, as a line above has the same word at the same time", table, number)
        words[spoken] = None
    return tuple(sorted(words))


def write_stream(stream: Stream, audio: Path) -> Path:
    """Write a 16-bit WAV and, beside it with the suffix .tsv, its table; returns the table's path.

    A different stream of that name is kept; this one's name then ends in a number.

    Raises InputError if `audio` does not end in .wav, OutputError if a file cannot be written, DeviceError if there is
    no room for it.
    """
    if audio.suffix.lower() != ".wav":
        raise InputError(f"{audio}: streams are written as .wav; name it so")
    lines = _lines(stream.words).encode()

    def taken(place: Path) -> bool:
        table = place.with_suffix(".tsv")
        other_words = table.is_file() and table.read_bytes() != lines
        return other_words or (place.is_file() and not wav.holds(place, stream.samples))

    audio = free_place(audio, taken)
    save_wav(audio, stream.samples)
    with output(table := audio.with_suffix(".tsv")) as file:
        file.write(lines)
    return table


def _lines(words: Iterable[SpokenWord]) -> str:
    rows: list[Sequence[str]] = [(*_COLUMNS, "clip")]
    rows += [
        (f"{word.start / RATE:.5f}", f"{word.end / RATE:.5f}", _cell(word.word), _cell(word.clip)) for word in words
    ]
    return "".join("\t".join(row).rstrip("\t") + "\n" for row in rows)


def _cell(name: str) -> str:
    """A name without tabs and line breaks, which a file's name may hold and a table's cell may not."""
    return " ".join(readable(name).replace("\t", " ").splitlines())

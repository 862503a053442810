"""Reads the transcripts of recordings, and finds words and phrases in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from unicodedata import normalize

from kwsd.errors import InputError
from kwsd.texts import lines_of, read_text, reason

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""Suffixes by which recordings are found in folders; a file that is named itself may have any other."""
_SUFFIX = re.compile(f"({'|'.join(map(re.escape, SUFFIXES))})+$", re.IGNORECASE)  # talk.mp3.wav was converted
_BLANKS = ".trans.txt"
"""The suffix of LibriSpeech's transcripts, which have a blank between name and text."""
_NAMES, _TEXTS = ("path", "file", "filename", "clip", "name"), ("sentence", "text", "transcript", "transcription")
"""Headings of the two columns in tables that have a heading; Common Voice's are path and sentence."""


def sentence(transcript: str) -> tuple[str, ...]:
    """The words of a transcript in lower case, without a possessive 's.

    Any character but a letter or an inner apostrophe separates words: `turn_on` is two."""
    found = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", normalize("NFC", transcript).lower().replace("\u2019", "'"))
    return tuple(re.sub(r"'s$", "", word) for word in found)


def tokens(transcript: str) -> frozenset[str]:
    """The set of words that `sentence` finds."""
    return frozenset(sentence(transcript))


def says(spoken: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the words of a phrase occur consecutively in a sentence; False for an empty phrase."""
    if len(wanted) < 2:
        return wanted[0] in spoken if wanted else False
    starts = range(len(spoken) - len(wanted) + 1)
    return any(list(spoken[at : at + len(wanted)]) == list(wanted) for at in starts)


def clip_name(file: str) -> str:
    """A clip's name, everywhere: the file's name without a recording's suffix, or several."""
    return _SUFFIX.sub("", file.strip())


def read_transcripts(path: Path) -> dict[str, str]:
    """The transcripts in a table, by the clip's name without its suffix.

    The table has two columns, separated by a tab; or more, with a heading that names the two (path and sentence in
    Common Voice's); or it is LibriSpeech's *.trans.txt. Blank lines are ignored. Several lines of one clip, such as two
    guesses, are joined, as either may be right. Raises InputError for a file that is no such table.
    """
    try:
        lines = {number: line for number, line in enumerate(lines_of(read_text(path)), start=1) if line.strip()}
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot read the transcripts {path} ({reason(error)})"
        raise InputError(what, "name a table of clips' names and texts") from error
    headed = _columns(next(iter(lines.values()), ""))
    if headed:
        del lines[min(lines)]
    said: dict[str, str] = {}
    for number, line in lines.items():
        cells = line.split(" ", 1) if path.name.endswith(_BLANKS) else line.split("\t")
        name_at, text_at = headed or (0, 1)
        if len(cells) <= max(name_at, text_at) or (not headed and len(cells) != 2):
            raise InputError(f"{path}, line {number}: not a clip's name, a tab, and what is said in it")
        name, text = clip_name(cells[name_at]), cells[text_at].strip()
        said[name] = f"{said[name]} {text}" if name in said else text
    return said


def beside(folder: Path) -> dict[str, str]:
    """The transcripts in LibriSpeech's *.trans.txt in a folder. Raises InputError as `read_transcripts` does."""
    said: dict[str, str] = {}
    for path in sorted(folder.glob(f"*{_BLANKS}")):
        said |= read_transcripts(path)
    return said


def check_names(said: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """A note if some names in the transcripts `said` belong to no recording, so that their texts are not used.

    Raises InputError if none belongs to one: the transcripts are then another corpus's.
    """
    known = len(said.keys() & set(names))
    if said and not known:
        raise InputError("none of the names in the transcripts is a recording's;", f"the first is {next(iter(said))!r}")
    return (f"{known} of {len(said)} names in the transcripts are recordings'",) if known < len(said) else ()


def _columns(line: str) -> tuple[int, int] | None:
    """The columns of the name and the text in a heading; None for a line that is no heading."""
    cells = [cell.strip().casefold() for cell in line.split("\t")]
    name = next((cells.index(cell) for cell in _NAMES if cell in cells), None)
    text = next((cells.index(cell) for cell in _TEXTS if cell in cells), None)
    return None if name is None or text is None else (name, text)

"""What is said in a recording, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from unicodedata import normalize

from kwsd.errors import InputError
from kwsd.texts import lines_of, read_text, reason

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""Of recordings, where they are looked for in folders; any other is read where it is named."""
_SUFFIX = re.compile(f"({'|'.join(map(re.escape, SUFFIXES))})$", re.IGNORECASE)
_BLANKS = ".trans.txt"
"""How LibriSpeech's transcripts end: a blank stands between name and text."""
_NAMES, _TEXTS = ("path", "file", "filename", "clip", "name"), ("sentence", "text", "transcript", "transcription")
"""How tables with a heading call the two columns; Common Voice's are path and sentence."""


def sentence(transcript: str) -> tuple[str, ...]:
    """The words of a transcript in lower case, possessives without their ending. What is no letter parts words:
    `turn_on` is two."""
    found = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", normalize("NFC", transcript).lower().replace("\u2019", "'"))
    return tuple(re.sub(r"'s$", "", word) for word in found)


def tokens(transcript: str) -> frozenset[str]:
    """Which words `sentence` finds."""
    return frozenset(sentence(transcript))


def says(spoken: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the words of a phrase stand one after the other in a sentence."""
    if len(wanted) < 2:
        return wanted[0] in spoken if wanted else False
    starts = range(len(spoken) - len(wanted) + 1)
    return any(list(spoken[at : at + len(wanted)]) == list(wanted) for at in starts)


def clip_name(file: str) -> str:
    """A clip's name, as transcripts and indexes mean it: the file's, without the suffix of a recording."""
    return _SUFFIX.sub("", file.strip())


def read_transcripts(path: Path) -> dict[str, str]:
    """What is said, by the clip's name without its suffix.

    A table of two columns, parted by a tab; or of more, with a heading that names those two (Common Voice's is path and
    sentence); or LibriSpeech's *.trans.txt. Blank lines do not count. Two guesses of one clip, in two lines, make one
    text: either word may be the right one. Raises InputError for a file that is no such table.
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
    """What LibriSpeech's *.trans.txt in a folder say of the recordings there. Raises as `read_transcripts`."""
    said: dict[str, str] = {}
    for path in sorted(folder.glob(f"*{_BLANKS}")):
        said |= read_transcripts(path)
    return said


def check_names(said: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """A note where not every name that `read_transcripts` found is a recording's: its text counts for nothing.

    Raises InputError where none is: then it is another corpus's.
    """
    known = len(said.keys() & set(names))
    if said and not known:
        raise InputError("none of the names in the transcripts is a recording's;", f"the first is {next(iter(said))!r}")
    return (f"{known} of {len(said)} names in the transcripts are recordings'",) if known < len(said) else ()


def _columns(line: str) -> tuple[int, int] | None:
    """Where a heading has the name and the text; None for a line that is none."""
    cells = [cell.strip().casefold() for cell in line.split("\t")]
    name = next((cells.index(cell) for cell in _NAMES if cell in cells), None)
    text = next((cells.index(cell) for cell in _TEXTS if cell in cells), None)
    return None if name is None or text is None else (name, text)

"""What is said in a recording, as text."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from kwsd.errors import InputError
from kwsd.texts import read_text, reason

log = logging.getLogger(__name__)


def tokens(transcript: str) -> frozenset[str]:
    """The words of a sentence in lower case, possessives without their ending."""
    found = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", transcript.lower().replace("\u2019", "'"))
    return frozenset(re.sub(r"'s$", "", word) for word in found)


def read_transcripts(path: Path) -> dict[str, str]:
    """What is said, by the clip's name: two columns, parted by a tab; blank lines do not count.

    Two guesses of one clip, in two lines, make one text: either word may be the right one. Raises InputError for a file
    that is no such table.
    """
    try:
        lines = {number: line for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()}
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot read the transcripts {path} ({reason(error)})"
        raise InputError(what, "name a table of clips' names and texts") from error
    broken = [number for number, line in lines.items() if line.count("\t") != 1]
    if broken:
        raise InputError(f"{path}, line {broken[0]}: not a clip's name, a tab, and what is said in it")
    said: dict[str, str] = {}
    for line in lines.values():
        name, text = line.split("\t")
        said[name] = f"{said[name]} {text}" if name in said else text
    return said


def warn_of_strangers(said: Mapping[str, str], names: Iterable[str]) -> None:
    """Tell where not every name that `read_transcripts` found is a recording's: its text counts for nothing."""
    known = len(said.keys() & set(names))
    if known < len(said):
        what = "%d of %d names in the transcripts are recordings'; they are clips' names, without the suffix"
        log.warning(what, known, len(said))

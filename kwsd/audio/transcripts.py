"""What is said in a recording, as text."""

from __future__ import annotations

import re
from pathlib import Path

from kwsd.errors import InputError
from kwsd.texts import read_text


def tokens(transcript: str) -> frozenset[str]:
    """The words of a sentence in lower case, possessives without their ending."""
    found = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", transcript.lower().replace("\u2019", "'"))
    return frozenset(re.sub(r"'s$", "", word) for word in found)


def read_transcripts(path: Path) -> dict[str, str]:
    """What is said, by the clip's name: two columns, parted by a tab.

    Two guesses of one clip, in two lines, make one text: either word may be the right one. Raises InputError for a file
    that is no such table.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the transcripts {path} ({error})", "see kwsd.training.transcripts") from error
    broken = [number for number, line in enumerate(lines, start=1) if line.count("\t") != 1]
    if broken:
        raise InputError(f"{path}, line {broken[0]}: not a clip's name, a tab, and what is said in it")
    said: dict[str, str] = {}
    for line in lines:
        name, text = line.split("\t")
        said[name] = f"{said[name]} {text}" if name in said else text
    return said

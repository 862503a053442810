"""How Speech Commands (Warden 2018, arXiv:1804.03209) says which clips are for training, validation and test."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from kwsd.errors import InputError
from kwsd.texts import lines_of, read_text, reason

SPLITS = ("train", "validation", "test")

_LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}
_LARGEST = 2**27 - 1  # of the rule that its README describes


def which_split(name: str) -> str:
    """Its rule for clips without a list: all of a speaker on one side, for ever."""
    return split_at(place_of(speaker_of(name)))


def speaker_of(name: str) -> str:
    """Who speaks in the clip called so: what is before `_nohash_`, or the whole name."""
    return re.sub(r"_nohash_.*$", "", name)


def place_of(speaker: str) -> float:
    """Where the rule puts a speaker, from 0 to 100."""
    digest = hashlib.sha1(os.fsencode(speaker), usedforsecurity=False).hexdigest()
    return int(digest, 16) % (_LARGEST + 1) * (100.0 / _LARGEST)


def split_at(place: float) -> str:
    """The split of a speaker in that place."""
    return "validation" if place < 10 else "test" if place < 20 else "train"


def listed(folder: Path) -> dict[str, str]:
    """What the lists in `folder` say, if there are any: "word/clip.wav" -> its split. All others are for training.

    Raises InputError where one cannot be read.
    """
    found: dict[str, str] = {}
    for path, split in ((folder / name, split) for name, split in _LISTS.items()):
        if path.is_file():
            try:
                lines = lines_of(read_text(path))
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"{path}: cannot be read: {reason(error)}") from error
            found |= {line.strip(): split for line in lines if line.strip()}
    return found


def listed_split(lists: Mapping[str, str], label: str, file: str) -> str:
    """What `lists` (see `listed`) say of the clip label/file; "" where there are none."""
    return lists.get(f"{label}/{file}", "train") if lists else ""

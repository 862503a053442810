"""How Speech Commands (Warden 2018, arXiv:1804.03209) divides clips into training, validation and test."""

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
_LARGEST = 2**27 - 1  # as in the rule of its README


def which_split(name: str) -> str:
    """The split of a clip by its rule, without a list: a speaker's clips are always in the same split."""
    return split_at(place_of(speaker_of(name)))


def speaker_of(name: str) -> str:
    """The speaker in a clip's name: what precedes `_nohash_`, or the whole name."""
    return re.sub(r"_nohash_.*$", "", name)


def place_of(speaker: str) -> float:
    """The speaker's place by the rule, a hash from 0 to 100."""
    digest = hashlib.sha1(os.fsencode(speaker), usedforsecurity=False).hexdigest()
    return int(digest, 16) % (_LARGEST + 1) * (100.0 / _LARGEST)


def split_at(place: float) -> str:
    """The split of a speaker at that place: validation below 10, test below 20, then train."""
    return "validation" if place < 10 else "test" if place < 20 else "train"


def listed(folder: Path) -> dict[str, str]:
    """The lists in `folder`, if any, as a mapping from "word/clip.wav" to its split; others are for training.

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
    """The split of the clip label/file by `lists` (see `listed`); "" if there are no lists."""
    return lists.get(f"{label}/{file}", "train") if lists else ""

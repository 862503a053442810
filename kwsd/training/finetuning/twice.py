"""Recordings that lie under two labels, so that one of the labels is a mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kwsd.datasets.layouts import Clip
from kwsd.errors import InputError
from kwsd.labels import SILENCE
from kwsd.training.finetuning.labelled import Labelled, checksum_of
from kwsd.training.finetuning.unreadable import holds_sound


def under_two_labels(data: Labelled) -> Iterator[tuple[Clip, Clip]]:
    """Two clips of the same contents with different labels, for each recording of which there are such.

    Noise counts as `_silence_`. Recordings that are left out, as they hold no sound or cannot be read, do not count.
    """
    sizes = {clip: size_of(clip.path) for clip in (*data.clips, *(Clip(path, SILENCE, "") for path in data.noise))}
    count = Counter(sizes.values())
    alike = [clip for clip, size in sizes.items() if size and count[size] > 1]  # only these have to be hashed
    first: dict[str, Clip] = {}  # by contents
    told: set[str] = set()
    for clip in alike:
        contents = checksum_of(clip.path)
        other = first.setdefault(contents, clip)
        if contents and contents not in told and other.label != clip.label and _is_learnt(clip.path):
            told.add(contents)
            yield other, clip


def size_of(path: Path) -> int:
    """The size of a file in bytes, 0 for what is none, such as a pipe."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # reported when the clip is read
        return 0


def _is_learnt(path: Path) -> bool:
    try:
        return holds_sound(path)
    except InputError:  # reported when the clip is read
        return False

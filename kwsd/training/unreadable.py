"""Clips that cannot be read: how many a run bears."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from kwsd.audio.files import FileSource
from kwsd.errors import InputError
from kwsd.labels import SILENCE
from kwsd.training.labelled import Labelled

log = logging.getLogger(__name__)


def check_readable(data: Labelled) -> None:
    """Raise InputError where nothing that a label is to be learnt from can be read, or all of it is silent, as a muted
    microphone records it, though it is a word or speech: it would never be heard."""
    for label in data.labels:
        paths = [clip.path for clip in data.part("train") if clip.label == label]
        paths += data.noise if label == SILENCE else ()
        if all(_unreadable(path) for path in paths):
            first = _unreadable(paths[0])
            raise InputError(
                f"{label}: none of the {len(paths)} clips to train on can be read (the first: {first});",
                "repair or remove them",
            )
        if label != SILENCE and all(_unreadable(path) or _silent(path) for path in paths):
            what = f"{label}: none of the {len(paths)} clips to train on holds a sound: they have one value throughout"
            raise InputError(f"{what};", "record them anew, with the microphone not muted")


def _unreadable(path: Path) -> InputError | None:
    try:
        for _ in FileSource(path).blocks():  # it may last hours
            pass
    except InputError as error:
        return error
    return None


def _silent(path: Path) -> bool:
    """Whether all samples of a recording are the same."""
    return all((block.samples == block.samples[0]).all() for block in FileSource(path).blocks() if len(block.samples))


class Unreadable:
    """Clips that cannot be read: each is named once and left out; too many end the run."""

    def __init__(self, of: int) -> None:
        """`of` clips there are in all: one in twenty may be bad, and three in any case."""
        self.most: float = max(3, of // 20)
        self.found: set[Path] = set()

    def bear_all(self) -> None:
        """None ends the run from now on: what was learnt is not lost for clips that it is only judged by."""
        self.most = math.inf

    def add(self, path: Path, error: InputError) -> None:
        """Name `path` on the log. Raises InputError where that makes too many."""
        if path in self.found:
            return
        self.found.add(path)
        log.warning("left out: %s", error)
        if len(self.found) > self.most:
            raise InputError(f"{len(self.found)} clips cannot be read, the last is {path}: repair or remove them")

"""Clips that cannot be read: how many a run bears."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kwsd.audio.decoding.files import FileSource
from kwsd.errors import InputError
from kwsd.labels import SILENCE
from kwsd.training.finetuning.labelled import Labelled

log = logging.getLogger(__name__)


def check_readable(data: Labelled) -> None:
    """Raise InputError where nothing that a label is to be learnt from can be read, or all of it is silent, as a muted
    microphone records it, though it is a word or speech: it would never be heard."""
    for label in data.labels:
        paths = [clip.path for clip in data.part("train") if clip.label == label]
        paths += data.noise if label == SILENCE else ()
        faults: list[InputError] = []
        for path in paths:
            try:
                if _holds_sound(path) or label == SILENCE:
                    break
            except InputError as error:
                faults.append(error)
        else:
            raise _unusable(label, len(paths), faults)


def _unusable(label: str, clips: int, faults: Sequence[InputError]) -> InputError:
    """The error for a label of whose clips those that can be read are silent."""
    none = f"{label}: none of the {clips} clips to train on"
    if len(faults) == clips:
        return InputError(f"{none} can be read (the first: {faults[0]});", "repair or remove them")
    what = f"{none} holds a sound: they have one value throughout;"
    return InputError(what, "record them anew, with the microphone not muted")


def is_silent(samples: NDArray[Any]) -> bool:
    """Whether they (n,) have one value throughout."""
    return bool((samples == samples[:1]).all())


def _holds_sound(path: Path) -> bool:
    """Whether its samples are not all the same. Raises InputError where it cannot be read to its end."""
    silent = [is_silent(block.samples) for block in FileSource(path).blocks()]  # it may last hours
    return not all(silent)


@contextmanager
def warned_once() -> Iterator[None]:
    """Let what is told of a recording whenever it is read be told once: here each is read many times."""
    seen: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        known, said = len(seen), record.getMessage()
        seen.add(said)
        return len(seen) > known

    readers = [logging.getLogger(name) for name in ("kwsd.audio.decoding.files", "kwsd.audio.decoding.sndfile")]
    for reader in readers:
        reader.addFilter(is_new)
    try:
        yield
    finally:
        for reader in readers:
            reader.removeFilter(is_new)


class Unreadable:
    """Clips that cannot be read: each is named once and left out; too many end the run."""

    def __init__(self, of: int) -> None:
        """`of` clips there are in all: one in twenty may be bad, and three in any case."""
        self.most: float = max(3, of // 20)
        self.found: set[Path] = set()
        self.silent: set[Path] = set()

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

    def add_silent(self, path: Path) -> None:
        """Name a recording without a sound on the log. However many they are, the run goes on: `check_readable` has
        seen to it that each label has others."""
        if path not in self.silent:
            self.silent.add(path)
            log.warning("left out: %s: holds no sound, as from a muted microphone; record it anew", path)

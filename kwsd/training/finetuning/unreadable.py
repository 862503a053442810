"""Clips that cannot be read, and how many of them a run tolerates."""

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
    """Raise InputError if a label, other than silence, has no training clip that can be read and is not silent.

    Such a label could never be learnt; a muted microphone records silence. `_silence_` needs one clip that can be read.
    """
    for label in data.labels:
        paths = [clip.path for clip in data.part("train") if clip.label == label]
        paths += data.noise if label == SILENCE else ()
        faults: list[InputError] = []
        for path in paths:
            try:
                if holds_sound(path) or label == SILENCE:
                    break
            except InputError as error:
                faults.append(error)
        else:
            raise _unusable(label, len(paths), faults)


def _unusable(label: str, clips: int, faults: Sequence[InputError]) -> InputError:
    """The error for a label none of whose clips can be used: each is unreadable or silent."""
    none = f"{label}: none of the {clips} clips to train on"
    if len(faults) == clips:
        return InputError(f"{none} can be read (the first: {faults[0]});", "repair or remove them")
    what = f"{none} holds a sound: they have one value throughout;"
    return InputError(what, "record them again, with the microphone not muted")


def is_silent(samples: NDArray[Any]) -> bool:
    """Whether all samples (n,) have the same value."""
    return bool((samples == samples[:1]).all())


def holds_sound(path: Path) -> bool:
    """Whether the samples of a block differ. Raises InputError for a file that cannot be read to its end."""
    silent = [is_silent(block.samples) for block in FileSource(path).blocks()]  # by blocks: a file may last hours
    return not all(silent)


@contextmanager
def warned_once() -> Iterator[None]:
    """Log each warning about a recording only once, though training reads it many times."""
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
    """The clips that cannot be read: each is logged once and left out; too many end the run."""

    def __init__(self, of: int) -> None:
        """Of all clips, `of` in number, one in twenty may be unreadable, and three in any case."""
        self.most: float = max(3, of // 20)
        self.found: set[Path] = set()
        self.silent: set[Path] = set()

    def bear_all(self) -> None:
        """From now on, unreadable clips do not end the run: those that only measure must not lose what was learnt."""
        self.most = math.inf

    def add(self, path: Path, error: InputError) -> None:
        """Log `path` as unreadable. Raises InputError if that makes too many."""
        if path in self.found:
            return
        self.found.add(path)
        log.warning("left out: %s", error)
        if len(self.found) > self.most:
            raise InputError(f"{len(self.found)} clips cannot be read, the last is {path}: repair or remove them")

    def add_silent(self, path: Path) -> None:
        """Log a silent recording. Any number is tolerated: `check_readable` has ensured that each label has others."""
        if path not in self.silent:
            self.silent.add(path)
            log.warning("left out: %s: holds no sound, as from a muted microphone; record it again", path)

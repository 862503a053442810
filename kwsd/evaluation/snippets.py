"""Saves the audio of false alarms as recordings to train on."""

from __future__ import annotations

import logging
import re
from os.path import lexists
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.wav import holds
from kwsd.errors import KwsdError
from kwsd.evaluation.output_files import free_place, save_wav

log = logging.getLogger(__name__)

_LONGEST = 200
"""The most bytes of a clip's name, or of a word, in a file name; file systems allow 255 for the whole name."""


class Snippets:
    """Writes snippets as not_WORD/CLIP-SECOND.wav in a folder: no model has a label not_WORD.

    Files of earlier runs stay. Of the snippets that cannot be written, the first is logged; the evaluation goes on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[Path] = set()
        self._missing = 0
        self._first: KwsdError | None = None

    def save(self, clip: str, second: float, word: str, samples: NDArray[np.int16]) -> Path | None:
        """Write what was heard in `clip` up to `second`, (n,) at 16 kHz; returns its path, or None on an error."""
        path = self._free(self._folder / f"not_{_plain(word)}" / f"{_plain(clip)}-{second:.2f}.wav", samples)
        try:
            save_wav(path, samples)
        except KwsdError as error:
            if self._first is None:
                log.warning("%s; the evaluation goes on without", error)
                self._first = error
            self._missing += 1
            return None
        return path

    def check(self) -> None:
        """Raise the first error, with the number of missing snippets, if any could not be written."""
        if self._first is not None:
            what = f"{self._missing} of {len(self._taken)} snippets are missing; {self._first.what}"
            raise type(self._first)(what, self._first.remedy) from self._first

    def _free(self, path: Path, samples: NDArray[np.int16]) -> Path:
        """A path that no other snippet of this run has: clips of two folders may share a name, or its beginning.

        A file of an earlier run with the same samples is reused, any other kept."""

        def taken(place: Path) -> bool:
            return place in self._taken or (lexists(place) and not holds(place, samples))

        self._taken.add(place := free_place(path, taken))
        return place


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).encode()[:_LONGEST].decode(errors="ignore")

"""Writes the files that an evaluation leaves, with an error that says what to do where that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from kwsd.audio import wav
from kwsd.errors import writing
from kwsd.replacing import replacing


@contextmanager
def output(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once it is complete; on an error `path` stays as it was. Its folder is made.

    Raises:
        OutputError: the file cannot be written.
        DeviceError: there is no room for it.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            yield file


def save_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """Write 16 kHz mono samples (n,) as a WAV file; its folder is made.

    Raises OutputError where it cannot be written, DeviceError where there is no room for it.
    """
    with output(path) as file:
        wav.write_wav(file, samples)


def free_place(path: Path, taken: Callable[[Path], bool]) -> Path:
    """The first of `path`, path-2, path-3 and so on that is not `taken`."""
    numbers = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(place for place in chain([path], numbers) if not taken(place))

"""Files that somebody wants to have, with an error that says what to do where they cannot be written."""

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
    """A new file that takes the place of `path` once all is written, or leaves it as it was; the folder is made.

    Raises:
        OutputError: it cannot be written there.
        DeviceError: there is no room.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            yield file


def save_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """16 kHz mono samples (n,) as a WAV file; its folder is made.

    Raises OutputError where it cannot be written, DeviceError where there is no room for it.
    """
    with output(path) as file:
        wav.write_wav(file, samples)


def free_place(path: Path, taken: Callable[[Path], bool]) -> Path:
    """`path`, or the first of path-2, path-3 and so on that is not `taken`."""
    numbers = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(place for place in chain([path], numbers) if not taken(place))

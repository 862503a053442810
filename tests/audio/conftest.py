"""Noise, and a pipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def noise() -> Callable[[int], NDArray[np.int16]]:
    """Makes so many samples, as loud as they can be, always the same."""

    def make(samples: int) -> NDArray[np.int16]:
        return np.random.default_rng(4).integers(-32768, 32767, samples).astype(np.int16)

    return make


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Both ends, the writing one unbuffered."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer

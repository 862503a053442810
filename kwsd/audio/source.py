"""What a source of audio is: something that gives blocks of 16 kHz mono int16 until it ends or is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kwsd.events import Event


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What arrived at once: `samples` (n,) int16 at 16 kHz, and how many are missing just before them.

    `overflow` says that some of these the device dropped itself, because nobody took them in time.
    """

    samples: NDArray[np.int16]
    lost: int = 0
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """A device that is lost was looked for once more, in vain; but whoever was asked for it did answer."""


class Source(Protocol):
    """A stream of audio under a name.

    `live` says who waits when the ring is full: a live source cannot, so that the oldest samples are overwritten;
    any other source waits, and nothing is lost.
    """

    @property
    def name(self) -> str:
        """The stream's name: the device's, the file's, or "stdin"."""

    @property
    def live(self) -> bool:
        """Whether the world goes on while nobody reads."""

    def blocks(self) -> Iterator[Block | Event | SearchFailed]:
        """Open at the first `next()`, end with the input or after `close()`. Raises InputError or DeviceError.

        Between the blocks a device may have something to say of itself: that it is lost, looked for, and found again.
        """

    def close(self) -> None:
        """Make `blocks()` end soon, a waiting read included. From any thread, any number of times."""

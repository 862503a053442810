"""The interface of an audio source, which yields blocks of 16 kHz mono int16 until it ends or is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kwsd.events import Event

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Audio that arrived at once: `samples` (n,) int16 at 16 kHz; `lost` samples are missing just before them.

    `overflow` says that the device dropped some of the lost samples, because they were not read in time.
    """

    samples: NDArray[np.int16]
    lost: int = 0
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """One more search for a lost device failed, but the process that searched for it did answer."""


class Source(Protocol):
    """A named stream of audio.

    `live` decides what happens when the ring is full: a live source cannot wait, so the oldest samples are
    overwritten; any other source waits, and no samples are lost.
    """

    @property
    def name(self) -> str:
        """The stream's name: the device's, the file's, or "stdin"."""

    @property
    def live(self) -> bool:
        """Whether audio arrives in real time, whether or not it is read."""

    def blocks(self) -> Iterator[Block | Event | SearchFailed]:
        """Open at the first `next()`, end with the input or after `close()`. Raises InputError or DeviceError.

        Between the blocks, a device may report that it was lost, that a search for it failed, or that it is back.
        """

    def close(self) -> None:
        """Make `blocks()` end soon, even a read that blocks; may be called from any thread, any number of times."""

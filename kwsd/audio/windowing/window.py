"""A window: what a classifier hears at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """`samples` (length,) int16, read-only, of `stream`, up to sample `end` (exclusive).

    The newest `hop` of them are new since the window before. Zeros stand where the stream had not begun or has
    ended. `lost` counts the samples before `end` that were dropped by the device, or that no window held because
    the reader was lapped, since the window before.
    """

    stream: str
    end: int
    samples: NDArray[np.int16]
    lost: int = 0
    hop: int = field(kw_only=True)

    @property
    def start(self) -> int:
        """The number of the first sample; negative at the start of a stream."""
        return self.end - len(self.samples)

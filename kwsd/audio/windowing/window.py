"""A window: the samples that a classifier scores at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """`samples` (length,) int16, read-only, of `stream`, up to sample `end` (exclusive).

    The last `hop` of them are new since the previous window. Zeros stand for samples before the start and after the
    end of the stream, and in gaps. `lost` counts the samples lost since the previous window: dropped by the device, or
    in no window because the reader was lapped. `late` says that the machine is behind with it, which only happens in
    a live stream.
    """

    stream: str
    end: int
    samples: NDArray[np.int16]
    lost: int = 0
    late: bool = False
    hop: int = field(kw_only=True)

    @property
    def start(self) -> int:
        """The number of the first sample; negative at the start of a stream."""
        return self.end - len(self.samples)

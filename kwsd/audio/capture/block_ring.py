"""The lock-free ring buffer of device blocks into which the PortAudio callback writes.

It holds bytes rather than arrays: the capture process does without numpy, which would be a third of its memory.
"""

from __future__ import annotations

import threading


class BlockRing:
    """A bounded ring of `count` blocks of `frames` frames, `width` bytes each, all allocated now.

    One thread puts, another takes, without a lock: the writer publishes a block by increasing a counter, and the
    reader checks after copying that it was not overtaken. A reader that is lapped skips half of the ring.
    """

    def __init__(self, count: int, frames: int, width: int) -> None:
        self._size = frames * width
        self._blocks = memoryview(bytearray(count * self._size))
        self._dropped = [0] * count  # frames the device had dropped in all when the block came
        self._count, self._frames = count, frames
        self._put = 0
        self._taken = 0
        self._dropped_in_all = 0
        self._dropped_told = 0
        self.changed = threading.Event()
        """Set whenever a block is put, and at the end; the reader clears it before it takes blocks."""
        self.ended = False
        """Whether the writer has called `end`."""

    def put(self, block: bytes | bytearray | memoryview, dropped: int = 0) -> None:
        """Copy a block of frames; `dropped` frames went missing before it. Raises ValueError for another size."""
        at = self._put % self._count
        self._dropped_in_all += dropped
        self._blocks[at * self._size : (at + 1) * self._size] = block
        self._dropped[at] = self._dropped_in_all
        self._put += 1
        self.changed.set()

    def end(self) -> None:
        """Say that no more blocks will come, as the device's stream has ended by itself."""
        self.ended = True
        self.changed.set()

    def take(self) -> tuple[bytes, int] | None:
        """A copy of the next block, and how many frames are missing before it; None if there is no new block."""
        lapped = 0
        while self._taken < self._put:
            behind = self._put - self._taken
            if behind >= self._count:  # the writer may be writing to the slot
                lapped += behind - self._count // 2
                self._taken += behind - self._count // 2
            at = self._taken % self._count
            block, dropped = bytes(self._blocks[at * self._size : (at + 1) * self._size]), self._dropped[at]
            if self._put - self._taken >= self._count:  # overtaken while copying
                continue
            self._taken += 1
            missing = lapped * self._frames + dropped - self._dropped_told
            self._dropped_told = dropped
            return block, missing
        return None

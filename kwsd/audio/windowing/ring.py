"""A bounded buffer of numbered samples, from a capture thread to one reader."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.windowing.gaps import Gap
from kwsd.audio.windowing.wake_condition import WakeCondition


@dataclass(frozen=True, slots=True)
class RingState:
    """What a ring holds at one moment: samples `first` to `written` (exclusive), and which of them are missing."""

    first: int
    written: int
    closed: bool
    gaps: tuple[Gap, ...]


class Ring:
    """A ring buffer of one stream's newest samples, numbered from the start of the stream.

    One thread writes, and one, the reader, cuts windows and releases samples. Any thread may look, by `state` and
    `read`, or close. When the ring is full, either the writer waits for the reader (`wait=True`), or the oldest samples
    are overwritten, and the reader finds that it was lapped.
    """

    def __init__(self, capacity: int, probe: Callable[[NDArray[np.int16]], bool] | None = None) -> None:
        """Room for `capacity` samples, allocated now. Raises ValueError for less than one.

        While the reader sleeps, the writer asks `probe` whether the next samples (n,) int16 may contain speech.
        """
        if capacity < 1:
            raise ValueError(f"a ring of {capacity} samples")
        self.capacity = capacity
        self._samples = np.zeros(capacity, np.int16)
        self._changed = threading.Condition()
        self._written = 0
        self._released = 0
        self._overflows = 0
        self._gaps: deque[Gap] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self._wake: Callable[[], object] | None = None
        self._condition = WakeCondition(probe)

    @property
    def written(self) -> int:
        """How many samples have been numbered so far."""
        return self._written

    @property
    def overflows(self) -> int:
        """How many gaps there were because the device dropped samples."""
        return self._overflows

    @property
    def error(self) -> BaseException | None:
        """The error that ended the stream; None if it is open or came to its end."""
        return self._error

    def write(self, samples: NDArray[np.int16], *, wait: bool) -> bool:
        """Append (n,) samples; with `wait`, piece by piece as the reader makes room. False once the ring is closed."""
        rest = samples
        while True:
            with self._changed:
                if wait and len(rest):
                    self._changed.wait_for(lambda: self._closed or self._room() > 0)
                if self._closed:
                    return False
                piece = rest[: self._room()] if wait else rest
                self._put(piece)
            self._condition.listen(piece)  # without the lock, so that the reader does not wait for the probe
            if self.has_expected:
                self._tell_reader()
            rest = rest[len(piece) :]
            if not len(rest):
                return True

    def skip(self, lost: int, *, overflow: bool = False) -> None:
        """Append a gap of `lost` samples that never arrived. It never waits: only live streams lose samples."""
        with self._changed:
            if self._closed or lost <= 0:
                return
            self._overflows += overflow
            self._gaps.append(Gap(self._written, self._written + lost))
            kept = min(lost, self.capacity)
            self._written += lost - kept
            self._put(np.zeros(kept, np.int16))
        self._tell_reader()

    def close(self, error: BaseException | None = None) -> None:
        """End the stream, and wake writer and reader, which raises `error` at the end; only the first call counts."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
            self._changed.notify_all()
        self._tell_reader()

    def attach(self, wake: Callable[[], object]) -> None:
        """Have `wake` called by the thread that writes the expected sample or a gap, or closes; it must not block."""
        self._wake = wake

    def expect(self, position: int, latest: int = 0) -> None:
        """Wake the reader only once the samples up to `position` (exclusive) are there, in silence up to `latest`.

        Silence is what the probe, if there is one, takes for it. A ring that fills up earlier wakes the reader all the
        same, as its writer may wait for room; `latest` counts for no more than half of the ring.
        """
        released = self._released  # only the reader changes it
        self._condition.expect(min(position, released + self.capacity), min(latest, released + self.capacity // 2))

    @property
    def has_expected(self) -> bool:
        """Whether the samples that the reader expects are there."""
        return self._condition.is_met(self._written)

    def state(self) -> RingState:
        """What the ring holds now; a later `read` may find the oldest samples overwritten."""
        with self._changed:
            return RingState(self._first(), self._written, self._closed, tuple(self._gaps))

    def read(self, start: int, stop: int) -> NDArray[np.int16] | None:
        """A copy of samples `start` to `stop` (exclusive), or None where one of them was overwritten.

        Zeros stand for samples before the start of the stream (below 0), beyond the newest one, and in gaps.
        """
        out = np.zeros(stop - start, np.int16)
        with self._changed:
            low, high = max(start, 0), min(stop, self._written)
            if low < self._first():
                return None
            while low < high:
                at = low % self.capacity
                piece = self._samples[at : at + high - low]
                out[low - start : low - start + len(piece)] = piece
                low += len(piece)
        return out

    def release(self, position: int) -> None:
        """Release the samples before `position`, which the reader no longer needs, to a waiting writer."""
        with self._changed:
            self._released = max(self._released, min(position, self._written))
            self._forget_gaps(self._released)
            self._changed.notify_all()

    def _room(self) -> int:
        return max(0, self._released + self.capacity - self._written)

    def _first(self) -> int:
        return max(0, self._written - self.capacity)

    def _put(self, samples: NDArray[np.int16]) -> None:
        self._written += len(samples)
        kept = samples[-self.capacity :]
        at = (self._written - len(kept)) % self.capacity
        head = kept[: self.capacity - at]
        self._samples[at : at + len(head)] = head
        self._samples[: len(kept) - len(head)] = kept[len(head) :]
        self._forget_gaps(self._first())

    def _forget_gaps(self, before: int) -> None:
        while self._gaps and self._gaps[0].stop <= before:
            self._gaps.popleft()

    def _tell_reader(self) -> None:
        if self._wake is not None:
            self._wake()

"""When the microphone reads what its process captures: at the worker's wake-ups, not for every block."""

from __future__ import annotations

import select
from typing import Protocol

from kwsd.audio.read_delay import ReadDelay
from kwsd.audio.wake_schedule import WakePoints, WakeSchedule
from kwsd.samples import RATE
from kwsd.waker import Waker

_AFTER_S = 0.005
"""So long after the capture process a delay ends here: then its blocks are there already."""


class Capture(Protocol):
    """What is waited for: `kwsd.audio.capture.handle.CaptureHandle`."""

    @property
    def drained(self) -> bool: ...
    def fileno(self) -> int: ...
    def want(self, points: WakePoints, first: int, /) -> None: ...


class ReadScheduler:
    """Tells capture processes, one after another, when their audio is wanted, and sleeps in between."""

    def __init__(self, schedule: WakeSchedule, closing: Waker) -> None:
        """Every sleep is broken off once `closing` wakes."""
        self._schedule, self._closing = schedule, closing
        self._delay, self._rescheduled = ReadDelay(0), Waker()
        self._told: WakePoints | None = None
        self._first = 0
        self._schedule.attach(self._rescheduled.wake)

    def begin(self, first: int) -> None:
        """Another process captures, and our number of its first sample is `first`."""
        self._told, self._first = None, first

    def wait(self, capture: Capture, now_s: float, arrived: int, lost: int) -> bool:
        """Sleep while no block is wanted, when `arrived` samples have come, and `lost` ones before them have not; False
        when it is closing. `now_s` is by any clock."""
        told = self._tell(capture)
        self._delay.span, self._delay.early_s = told.span, told.early_s - _AFTER_S
        delay_s = self._delay.milliseconds(now_s, arrived, lost) / 1000
        if delay_s and capture.drained and not self._sleep(delay_s):
            return False
        told = self._tell(capture)
        if told.idle and capture.drained:
            # Capture sleeps for a span at most: a schedule that changes meanwhile has to reach it.
            if not self._sleep(told.span / RATE, capture):
                return False
            self._tell(capture)
        return True

    def close(self) -> None:
        """Let go of the schedule's messages."""
        self._rescheduled.close()

    def _tell(self, capture: Capture) -> WakePoints:
        """Tell the process when its audio is wanted, where that is another schedule than it was told."""
        points = self._schedule.points
        if points != self._told:
            capture.want(points, self._first)
            self._told = points
        return points

    def _sleep(self, seconds: float, unless_heard: Capture | None = None) -> bool:
        """Wait for `seconds`; less where wake-ups have moved closer, or a process has something to say. False when it
        is closing."""
        poll = select.poll()
        if unless_heard:
            poll.register(unless_heard, select.POLLIN)
        poll.register(self._closing, select.POLLIN)
        poll.register(self._rescheduled, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(1000 * seconds)}
        if self._rescheduled.fileno() in ready:
            self._rescheduled.clear()
        return self._closing.fileno() not in ready

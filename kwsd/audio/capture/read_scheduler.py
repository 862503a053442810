"""Lets the microphone read from its capture process at the worker's wake-ups rather than for every block."""

from __future__ import annotations

import select
from typing import Protocol

from kwsd.audio.read_delay import ReadDelay
from kwsd.audio.wake_schedule import WakePoints, WakeSchedule
from kwsd.samples import RATE
from kwsd.waker import Waker

_AFTER_S = 0.005
"""A delay here ends so many seconds later than in the capture process, whose blocks have arrived by then."""


class Capture(Protocol):
    """The part of `kwsd.audio.capture.handle.CaptureHandle` that is used here."""

    @property
    def drained(self) -> bool: ...
    def fileno(self) -> int: ...
    def want(self, points: WakePoints, first: int, /) -> None: ...


class ReadScheduler:
    """Tells capture processes, one after another, when their audio is wanted, and sleeps in between."""

    def __init__(self, schedule: WakeSchedule, closing: Waker) -> None:
        """`closing` ends every sleep once it is woken."""
        self._schedule, self._closing = schedule, closing
        self._delay, self._rescheduled = ReadDelay(0), Waker()
        self._told: WakePoints | None = None
        self._first = 0
        self._schedule.attach(self._rescheduled.wake)

    def begin(self, first: int) -> None:
        """Start with another capture process, whose first sample is number `first` of our stream."""
        self._told, self._first = None, first

    def wait(self, capture: Capture, now_s: float, arrived: int, lost: int) -> bool:
        """Sleep while no block is wanted, after a block of `arrived` samples with `lost` ones missing before it.

        `now_s` is the time by any one clock. False when `closing` was woken.
        """
        told = self._tell(capture)
        self._delay.span, self._delay.early_s = told.span, told.early_s - _AFTER_S
        delay_s = self._delay.milliseconds(now_s, arrived, lost) / 1000
        if delay_s and capture.drained and not self._sleep(delay_s):
            return False
        told = self._tell(capture)
        if told.idle and capture.drained:
            # The capture process sleeps for a span at most; pass on a schedule that changes in that time.
            if not self._sleep(told.span / RATE, capture):
                return False
            self._tell(capture)
        return True

    def close(self) -> None:
        """Release the descriptors that the schedule wakes."""
        self._rescheduled.close()

    def _tell(self, capture: Capture) -> WakePoints:
        """Tell the process when its audio is wanted, if that has changed since it was last told."""
        points = self._schedule.points
        if points != self._told:
            capture.want(points, self._first)
            self._told = points
        return points

    def _sleep(self, seconds: float, unless_heard: Capture | None = None) -> bool:
        """Wait for `seconds`, or until wake-ups move closer, or `unless_heard` has data to read.

        False when `closing` was woken.
        """
        poll = select.poll()
        if unless_heard:
            poll.register(unless_heard, select.POLLIN)
        poll.register(self._closing, select.POLLIN)
        poll.register(self._rescheduled, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(1000 * seconds)}
        if self._rescheduled.fileno() in ready:
            self._rescheduled.clear()
        return self._closing.fileno() not in ready

"""A microphone that is searched for until it delivers audio again, whatever happens to the device."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from kwsd.audio.capture.apart import stuck_in_kernel
from kwsd.audio.capture.flatline import Flatline
from kwsd.audio.capture.handle import CaptureHandle, Unanswered
from kwsd.audio.capture.read_scheduler import ReadScheduler
from kwsd.audio.capture.search_pauses import SearchPauses
from kwsd.audio.capture.timeouts import CaptureTimeouts, clocks
from kwsd.audio.capture.wire import AUDIO
from kwsd.audio.source import Block, SearchFailed
from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.errors import DeviceError
from kwsd.events import DeviceLost, DeviceRestored, Event
from kwsd.samples import RATE, samples_in
from kwsd.waker import Waker

log = logging.getLogger(__name__)

_SLEPT_S = 1.0
"""By more than this the suspended time has to grow from one block to the next, for the machine to have slept."""
_STEADY_S = 10.0
"""A device that worked for longer than this, since it was last lost, is searched for anew, with short pauses."""
_SLOW = 1.02
"""By no more than this factor is a device's clock slower than ours."""
_MOST_STUCK = 8
"""While so many capture processes cannot be killed, no further one is started: it would get stuck, too. Most may be of
earlier runs, as systemd restarts a daemon whose search hangs."""


class Microphone:
    """A live stream from a capture process, which is replaced when the device stalls or vanishes or the machine slept.

    It is also replaced if it ends by itself, as where both processes were stopped for a while. Only arriving blocks
    prove that the microphone works. While it is lost the stream has no blocks, only `DeviceLost`, then `SearchFailed`
    for each attempt that ended in an answer. It goes on with `DeviceRestored`, and a block whose `lost` says how many
    samples are missing. A device that delivers one value only, zero or other, for `silence_s` seconds is reported by
    `DeviceSilent`, and the end of that by `DeviceAudible`.
    """

    live = True

    def __init__(
        self,
        device: str | None = None,
        *,
        silence_s: float = 120.0,
        schedule: WakeSchedule | None = None,
        timeouts: CaptureTimeouts | None = None,
        clocks: Callable[[], tuple[float, float]] = clocks,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Find the device, `device` as for `find_device`; open it at the first block. Raises DeviceError.

        `schedule` says when blocks are wanted; without one, as soon as they arrive. `meanwhile` is called while the
        capture process looks for the device, which takes it some 0.2 s.
        """
        self._wanted, self._timeouts, self._clocks = device, timeouts or CaptureTimeouts(), clocks
        self._closed = self._reading = False
        self._lock = threading.Lock()
        self._woken = Waker()
        self._capture: CaptureHandle | None = None
        self._at = 0  # samples given, lost ones included
        self._heard_at, self._asleep = self._clocks()  # when the last sample was heard, at the latest
        self._restored_at = self._heard_at
        self._lost_at: float | None = None
        self._schedule = schedule or WakeSchedule(0)
        self._reads = ReadScheduler(self._schedule, self._woken)
        self._flatline = Flatline(round(silence_s * RATE))
        try:
            self.name = self._start("", meanwhile) or ""
        except BaseException:
            self._release()
            raise

    def blocks(self) -> Iterator[Block | Event | SearchFailed]:
        """Blocks, and what happens to the device, until `close()`. Raises DeviceError if it cannot be opened at all."""
        with self._lock:
            if self._closed:
                return
            self._reading = True
        try:
            yield from self._persist()
        finally:
            with self._lock:
                self._closed = True
                self._release()

    def close(self) -> None:
        """End `blocks()`, which then releases the device; it is released here if `blocks()` is not running."""
        with self._lock:
            if not self._closed and not self._reading:
                self._release()
            elif not self._closed:
                self._woken.wake()
            self._closed = True

    def _persist(self) -> Iterator[Block | Event | SearchFailed]:
        """Yield audio; each time that it fails, search for the device until it works again, or until `close()`."""
        pauses = SearchPauses(self._timeouts)
        told: set[str] = set()
        while True:
            began = self._clocks()[0]
            try:
                yield from self._hear()
                return
            except DeviceError as error:
                if self._at == 0:
                    raise  # it never worked: that is for the operator to solve
                reason, answered = str(error), not isinstance(error, Unanswered)
            self._end_capture()
            if self._lost_at is None:
                self._lost_at = self._heard_at
                pauses.begin(steady=self._heard_at - self._restored_at > _STEADY_S)
                told = {reason}
                log.warning("%s is lost: %s; looking for it", self.name, reason)
                yield DeviceLost(self.name, self._at, reason)
            else:
                log.log(logging.DEBUG if reason in told else logging.INFO, "%s is still lost: %s", self.name, reason)
                told.add(reason)
                if answered:
                    yield SearchFailed()
            now = self._clocks()[0]
            if self._woken.wait(pauses.next(took_s=now - began, lost_s=now - self._lost_at)):
                return

    def _hear(self) -> Iterator[Block | Event]:
        """The blocks of one capture process, until `close()`. Raises DeviceError when there are no more."""
        if self._capture is None:
            found = self._start(self.name)
            if found is None:
                return
            if found != self.name:
                log.warning("%s: heard from %s now", self.name, found)
        assert self._capture
        import numpy as np  # not before the first process has been started, which starts the sooner

        self._capture.open()
        limit_s, begun = self._timeouts.open_s, False
        while (message := self._capture.next(limit_s, f"{self.name}: no audio")) is not None:
            if message.kind != AUDIO:
                raise Unanswered("the capture process sent a message out of order")
            limit_s = self._timeouts.stall_s
            now, asleep = self._clocks()
            if asleep - self._asleep > _SLEPT_S and self._at and self._lost_at is None:
                slept_s, self._asleep = asleep - self._asleep, asleep
                raise DeviceError(f"the machine slept for {slept_s:.0f} s")
            lost, samples = message.lost, np.frombuffer(message.payload, np.int16)
            if self._lost_at is not None:
                lost += self._missed(now - self._lost_at, len(samples), lost)
                self._lost_at, self._restored_at = None, now
                self._flatline.interrupt()
                log.warning("%s is back after %.1f s", self.name, lost / RATE)
                yield DeviceRestored(self.name, self._at + lost, lost)
            if not begun:
                self._reads.begin(self._at + lost - message.lost)
                begun, self._heard_at = True, now
            # Blocks may be read long after they were heard, the last ones of a device that is gone even in one go.
            self._heard_at = min(now, self._heard_at + _SLOW * (message.lost + len(samples)) / RATE)
            self._asleep = asleep
            self._at += lost + len(samples)
            yield from self._flatline.feed(samples, self.name, self._at)
            yield Block(samples, lost, overflow=message.lost > 0)
            if not self._reads.wait(self._capture, now, len(samples), lost):
                return

    def _missed(self, seconds: float, heard: int, dropped: int) -> int:
        """Samples lost in `seconds`, at the end of which `heard` arrived, not counting the `dropped` ones before these.

        Rounded so that the device's blocks begin at multiples of their length again.
        """
        block = samples_in(self._schedule.block_ms)
        goes_on = self._at + max(dropped, round(seconds * RATE) - heard)
        return max(0, round(goes_on / block) * block - self._at - dropped)

    def _start(self, known: str, meanwhile: Callable[[], object] = lambda: None) -> str | None:
        """Start a new process, and return the name of the device that it finds; None when woken. Raises DeviceError."""
        if (left := len(stuck_in_kernel())) >= _MOST_STUCK:
            what = f"{left} processes that looked for a microphone hang in the kernel"
            raise Unanswered(what, "unplug it, or restart the machine")
        self._capture = CaptureHandle(self._wanted, known, self._schedule.block_ms, self._woken)
        meanwhile()
        return self._capture.find(self._timeouts.start_s)

    def _end_capture(self) -> None:
        if self._capture is not None:
            self._capture.kill()
            self._capture = None

    def _release(self) -> None:
        self._end_capture()
        self._woken.close()
        self._reads.close()

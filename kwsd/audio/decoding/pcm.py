"""Raw samples from a pipe: S16_LE, 16 kHz, mono, as `arecord -f S16_LE -r 16000 -t raw` writes them."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import threading
import time
from collections.abc import Generator, Iterator
from typing import BinaryIO

import numpy as np

from kwsd.audio.decoding.containers import read_header, read_next
from kwsd.audio.decoding.stalling import Stall
from kwsd.audio.read_delay import ReadDelay
from kwsd.audio.realtime import RealtimePacer
from kwsd.audio.source import Block
from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.errors import InputError
from kwsd.waker import Waker

log = logging.getLogger(__name__)

_READ_BYTES = 32_000  # a second at most; a read from a pipe returns what it holds
_PACED_BYTES = 640  # 20 ms
_QUIET_S = 1.0  # without samples for so long at first, the log says that kwsd waits for them
_WANTED = "S16_LE, 16 kHz, mono"


class PcmSource:
    """Raw samples from a pipe, a regular file or a byte buffer, which belongs to the caller and is not closed here."""

    name = "stdin"
    live = False

    def __init__(self, stream: BinaryIO, *, realtime: bool = False, schedule: WakeSchedule | None = None) -> None:
        """Where `stream` has a file descriptor, that is read directly, bypassing the stream's own buffer.

        `schedule` says when the blocks are wanted; without one, as soon as they arrive.
        """
        self._stream = stream
        self._realtime = realtime
        # In real time there is more than is read at once.
        self._schedule = schedule if schedule and not realtime else WakeSchedule(0)
        self._closed = threading.Event()
        self._waker: Waker | None = None  # while blocks() runs
        self._schedule.attach(self._wake)

    def blocks(self) -> Iterator[Block]:
        """Blocks of the samples that are available, a second at most, or 20 ms in real time.

        The header of a WAV file is skipped if its samples have the expected format. Raises InputError for any other
        recording with a header, and where the stream cannot be read.
        """
        pacer = RealtimePacer(self._closed) if self._realtime else None
        rest, heard = b"", False
        for data in self._samples():
            heard = True
            data = rest + data
            whole = len(data) & ~1
            rest = data[whole:]
            samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
            if self._closed.is_set() or (pacer and not pacer.wait(len(samples))):
                return
            if len(samples):
                yield Block(samples)
        if rest and not self._closed.is_set():
            log.warning("%s: ended inside a sample; the last byte is dropped (is it S16_LE?)", self.name)
        if not heard and not self._closed.is_set():
            log.warning("%s: ended before the first sample", self.name)

    def close(self) -> None:
        """End `blocks()`, even while it waits for a pipe that nobody writes to."""
        self._closed.set()
        self._wake()

    def _wake(self) -> None:
        """End the current wait of `blocks()`."""
        if (waker := self._waker) is not None:
            waker.wake()

    def _samples(self) -> Iterator[bytes]:
        """Sample bytes without WAV headers; the first come once there are enough to tell whether there is a header."""
        head, find = b"", read_header
        with contextlib.closing(self._chunks()) as chunks:  # an error's traceback would keep its pipe open
            while True:
                ended = False
                while (header := find(head, self.name, ended=ended)) is None:
                    data = next(chunks, b"")
                    if self._closed.is_set():
                        return
                    head, ended = head + data, not data
                head, left = head[header.size :], header.samples
                if left is None:
                    yield from filter(None, itertools.chain([head], chunks))
                    return
                while left:
                    if head[:left]:
                        yield head[:left]
                    left, head = left - len(head[:left]), head[left:]
                    if left and not (head := next(chunks, b"")):
                        return
                find = read_next

    def _chunks(self) -> Generator[bytes, None, None]:
        """Bytes as they arrive, until the end of the stream or `close()`."""
        size = _PACED_BYTES if self._realtime else _READ_BYTES
        try:
            descriptor = self._stream.fileno()
        except OSError:  # io.UnsupportedOperation: bytes in memory, which never wait
            while not self._closed.is_set() and (data := self._stream.read(size)):
                yield data
            return
        self._waker = waker = Waker()
        try:
            yield from self._read_descriptor(descriptor, waker, size)
        finally:
            waker.close()

    def _read_descriptor(self, descriptor: int, waker: Waker, size: int) -> Iterator[bytes]:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(waker, select.POLLIN)
        terminal = os.isatty(descriptor)
        if terminal:
            log.warning("%s: a terminal, not a pipe: pipe samples into it (%s)", self.name, _WANTED)
        elif not poll.poll(1000 * _QUIET_S):
            log.info("%s: waiting for samples (%s)", self.name, _WANTED)
        delay, stall = ReadDelay(0), Stall(self.name, told=terminal)
        while not self._closed.is_set():  # sees a close() before the waker was there; later ones wake poll()
            ready = {ready for ready, _ in poll.poll(stall.left_ms())}
            if not ready:
                stall.tell()
                continue
            if waker.fileno() in ready:
                waker.clear()
                continue
            try:
                data = os.read(descriptor, size)
            except BlockingIOError:  # another reader of the same pipe was faster
                continue
            except OSError as error:
                raise InputError(f"{self.name}: cannot be read: {error.strerror}") from error
            if not data:
                return
            stall.end()
            yield data
            stall.begin()
            delay.span, delay.early_s = self._schedule.points
            delay_ms = delay.milliseconds(time.monotonic(), len(data) / 2)
            if delay_ms and len(data) < size:
                waker.wait(delay_ms / 1000)

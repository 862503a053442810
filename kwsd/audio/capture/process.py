"""The capture process, which alone uses PortAudio while the daemon listens, and may be killed at any moment.

PortAudio can hang in a device that is gone, and only knows the devices that it found when it was loaded. A separate
process solves both. It writes to a pipe rather than to shared memory: a second of audio is only 32 kB, the kernel
buffers one to two seconds for a busy daemon (then the block ring holds four more), the end of the pipe tells each side
that the other has died, and nothing of it outlives a `kill -9`.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from kwsd.audio.capture.apart import answering, command
from kwsd.audio.capture.portaudio import PortAudioStream
from kwsd.audio.capture.wire import AUDIO, FAILED, FAULT, FOUND, LOG, Message
from kwsd.audio.read_delay import ReadDelay
from kwsd.errors import KwsdError

Send = Callable[[Message], None]


def capturing(device: str | None, known: str, block_ms: int) -> list[str]:
    """The command that starts the process; `device`, `known` and `block_ms` are as for `PortAudioStream`.

    Its standard output is the pipe. One byte on its standard input opens the device; later lines are for `Throttle`.
    """
    return command("process", device or "", known, f"{block_ms}")


def main() -> None:
    """Find the device, report it, wait for the byte that lets us open it, and send its audio until killed."""
    parent, device, known, block_ms = sys.argv[1:]
    pipe = answering(int(parent))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):  # sent to the whole unit
        signal.signal(number, signal.SIG_IGN)

    def send(message: Message) -> None:
        data = message.pack()
        while data:
            data = data[os.write(pipe, data) :]

    logging.getLogger("kwsd").addHandler(_Sending(send))
    logging.getLogger("kwsd").setLevel(logging.DEBUG)
    with suppress(OSError):  # the daemon has closed the pipe
        _capture(device, known, int(block_ms), send)
    os._exit(0)  # skips PortAudio's exit handlers, which may wait for the device


def _capture(device: str, known: str, block_ms: int, send: Send) -> None:
    try:
        stream = PortAudioStream(device or None, known=known, block_ms=block_ms, rest=Throttle(0))
        send(Message(FOUND, stream.name.encode()))
        if not os.read(0, 1):
            return
        for block in stream.blocks():
            send(Message(AUDIO, block.samples, block.lost))
    except KwsdError as error:
        send(Message(FAILED, str(error).encode()))
    except BrokenPipeError:
        raise
    except Exception as error:  # a bug: the pipe is the only way to report it
        send(Message(FAULT, f"capture failed: {type(error).__name__}: {error}".encode()))


class Throttle:
    """Sleeps while the daemon wants no audio.

    The daemon may write a line at any time to say what it wants: SPAN FIRST EARLY, where FIRST is its number of our
    first sample, and EARLY the seconds before a span is full at which to be awake. Until it does, it wants all audio as
    it arrives.
    """

    def __init__(self, descriptor: int) -> None:
        """The descriptor of a pipe; only whole lines are written to it."""
        self._descriptor = descriptor
        self._begun = b""  # a line of which the rest has not been read yet
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._delay = ReadDelay(0)
        self._given = 0

    def __call__(self, given: int) -> None:
        """Sleep until more audio is wanted; all of the `given` samples so far have been sent.

        Raises ValueError for malformed lines.
        """
        delay_ms = self._delay.milliseconds(time.monotonic(), given - self._given)
        self._given = given
        if not self._poll.poll(delay_ms):
            return
        data = os.read(self._descriptor, 4096)
        if not data:  # the daemon has ended; sending the next block will fail
            self._poll.unregister(self._descriptor)
            return
        *lines, self._begun = (self._begun + data).split(b"\n")
        if not lines:
            return
        span, first, early_s = lines[-1].split()
        self._delay.span, self._delay.early_s = int(span), float(early_s)
        self._delay.written = int(first) + given


class _Sending(logging.Handler):
    """Sends log records to the daemon, which knows which of them are wanted."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._send(Message(LOG, f"{record.levelno:02d}{record.getMessage()}".encode()))

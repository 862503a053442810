"""The process that captures: it alone touches PortAudio while the daemon listens, and may be killed at any moment.

PortAudio can hang in a device that is gone, and knows no devices but those it found when it was loaded. A process of
its own makes both curable. It writes to a pipe rather than to shared memory: a second of audio is 32 kB, the kernel
keeps one to two seconds of it for a daemon that is busy (then the slots hold four more), the pipe's end tells each side
of the other's death, and nothing of it outlives a `kill -9`.
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
    """How to start the process; standard output is the pipe, one byte on standard input opens the device.

    Later lines there are for `Throttle`.

    `device`, `known` and `block_ms` as for `PortAudioStream`.
    """
    return command("process", device or "", known, f"{block_ms}")


def main() -> None:
    """Find the device, say so, wait for leave to open it, and send what it hears until killed."""
    parent, device, known, block_ms = sys.argv[1:]
    pipe = answering(int(parent))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):  # as a whole unit is sent them
        signal.signal(number, signal.SIG_IGN)

    def send(message: Message) -> None:
        data = message.pack()
        while data:
            data = data[os.write(pipe, data) :]

    logging.getLogger("kwsd").addHandler(_Sending(send))
    logging.getLogger("kwsd").setLevel(logging.DEBUG)
    with suppress(OSError):  # nobody reads any more
        _capture(device, known, int(block_ms), send)
    os._exit(0)  # without PortAudio's own way out, which may wait for the device


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
    except Exception as error:  # a fault, told by the only way there is
        send(Message(FAULT, f"capture failed: {type(error).__name__}: {error}".encode()))


class Throttle:
    """Waits while the daemon wants no audio.

    It says on a descriptor what it wants, in a line at any time: SPAN FIRST EARLY, where FIRST is its number of our
    first sample, and EARLY how many seconds before a span is full to be awake. Until it does, it wants all at once.
    """

    def __init__(self, descriptor: int) -> None:
        """The descriptor of a pipe; only whole lines are written to it."""
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._delay = ReadDelay(0)
        self._given = 0

    def __call__(self, given: int) -> None:
        """All of the `given` samples that there were so far have been sent. Raises ValueError for other lines."""
        delay_ms = self._delay.milliseconds(time.monotonic(), given - self._given)
        self._given = given
        if not self._poll.poll(delay_ms):
            return
        lines = os.read(self._descriptor, 4096).splitlines()
        if not lines:  # the daemon has ended, as the next block will find
            self._poll.unregister(self._descriptor)
            return
        span, first, early_s = lines[-1].split()
        self._delay.span, self._delay.early_s = int(span), float(early_s)
        self._delay.written = int(first) + given


class _Sending(logging.Handler):
    """The log goes to the daemon, which knows what of it is wanted."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._send(Message(LOG, f"{record.levelno:02d}{record.getMessage()}".encode()))

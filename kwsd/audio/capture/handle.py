"""The daemon's handle on a capture process."""

from __future__ import annotations

import logging
import os
import select
import subprocess
from contextlib import suppress

from kwsd.audio.capture.apart import HANGS, ending
from kwsd.audio.capture.process import capturing
from kwsd.audio.capture.wire import AUDIO, FAILED, FAULT, FOUND, LOG, Message, Unpacker
from kwsd.audio.wake_schedule import WakePoints
from kwsd.errors import DeviceError
from kwsd.waker import Waker

log = logging.getLogger(__name__)

_REAP_S = 0.5


class Unanswered(DeviceError):
    """The capture process gave no valid answer about the device: it hangs, died, sent nonsense or never started."""


class CaptureHandle:
    """One run of the process that owns PortAudio; neither starting nor `kill()` takes long."""

    def __init__(self, device: str | None, known: str, block_ms: int, woken: Waker) -> None:
        """Start the process with the parameters of `capturing`; `woken` ends every wait once it is woken.

        Raises Unanswered if the process cannot be started.
        """
        self._woken = woken
        self._unpacker = Unpacker()
        self._messages: list[Message] = []
        # What ALSA prints only helps with debugging. Kwsd's own log lines come through the pipe.
        stderr = None if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                capturing(device, known, block_ms),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for the daemon
            )
        except OSError as error:
            raise Unanswered(f"the capture process cannot be started: {error.strerror or error}") from error

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """The descriptor from which its messages are read."""
        assert self._process.stdout
        return self._process.stdout.fileno()

    @property
    def drained(self) -> bool:
        """Whether `next` has returned every message that was read."""
        return not self._messages

    def find(self, limit_s: float) -> str | None:
        """The name of the device that was found; None when woken. Raises DeviceError, for no device, and Unanswered."""
        message = self.next(limit_s, "the capture process does not answer", HANGS)
        if message is None:
            return None
        if message.kind != FOUND:
            raise Unanswered("the capture process sent a message out of order")
        return message.text

    def open(self) -> None:
        """Let the process open the device; `next` then returns its audio."""
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it has died, which `next` will report
            self._process.stdin.write(b"\n")

    def want(self, points: WakePoints, first: int) -> None:
        """Tell the process when its audio is wanted; its first sample is number `first` of our stream."""
        assert self._process.stdin
        with suppress(BrokenPipeError):  # as above
            self._process.stdin.write(f"{points.span} {first} {points.early_s}\n".encode())

    def next(self, limit_s: float, what: str, remedy: str = "") -> Message | None:
        """The next message other than a log line; None when woken.

        Raises DeviceError where the process reports that the device failed, Unanswered where it crashed, died, or sent
        nothing for `limit_s` seconds; the error's text for the last case is `what`, with this `remedy`.
        """
        while True:
            while not self._messages:
                if not self._read(limit_s, what, remedy):
                    return None
            message = self._messages.pop(0)
            if message.kind == FAILED:
                raise DeviceError(message.text)
            if message.kind == FAULT:  # a crash says nothing about the device
                raise Unanswered(message.text)
            if message.kind == AUDIO or message.kind == FOUND:
                return message
            _relay(message)

    def _read(self, limit_s: float, what: str, remedy: str) -> bool:
        """Wait for bytes and unpack them into messages. False when woken."""
        pipe = self.fileno()
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(1000 * limit_s)}
        if self._woken.fileno() in ready:
            return False
        if not ready:
            raise Unanswered(f"{what} ({limit_s:g} s)", remedy)
        data = os.read(pipe, 65_536)
        if not data:
            how, remedy = self._ending()
            raise Unanswered(f"the capture process died ({how})", remedy)
        try:
            self._messages.extend(self._unpacker.feed(data))
        except ValueError as error:
            raise Unanswered(f"the capture process sent something unreadable: {error}") from error
        return True

    def _ending(self) -> tuple[str, str]:
        """How the process ended, and the remedy."""
        try:
            status = self._process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            return "it closed its pipe", ""
        return ending(status)

    def kill(self) -> None:
        """Kill the process, whatever it is doing; one that is stuck inside the kernel is left behind."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert pipe
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP_S)
            return
        log.warning("the capture process, %d, does not end within %g s; it is left running", self.pid, _REAP_S)


def _relay(message: Message) -> None:
    """Write a log line of the capture process to our log, at its level."""
    if message.kind == LOG and message.text[:2].isdecimal():
        log.log(int(message.text[:2]), "%s", message.text[2:])

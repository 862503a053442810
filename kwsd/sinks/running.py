"""The process of one hook, from its start to its report."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

from kwsd.events import HookFinished
from kwsd.shown import last_of
from kwsd.sinks.environment import environment
from kwsd.sinks.exits import exit_descriptor
from kwsd.sinks.order import Order
from kwsd.sinks.sink import encode

log = logging.getLogger(__name__)

if sys.version_info < (3, 11, 6):  # Debian 12 has 3.11.2
    # There vfork(2) holds the interpreter's lock until the program runs: a program that hangs on being started would
    # block all of kwsd. (subprocess's documentation: "Disabling use of vfork() or posix_spawn()")
    vars(subprocess)["_USE_VFORK"] = False  # typeshed calls it final

GRACE_S = 1.0
"""Seconds between SIGTERM and SIGKILL."""
TAIL_BYTES = 2048
"""Bytes at the end of a hook's output that are kept for the log; the rest is read and dropped."""
TAIL_SHOWN = 2600
"""Bytes that the output may take in the log, as `brief` counts: a longer line would be cut at its end, which matters
most."""


class RunningHook:
    """A program in a session and process group of its own.

    `exit_descriptor` becomes readable when the program has ended, whatever it left running. `written` counts bytes of
    output since `HookOutputReader` last reset it; until `rests_until`, by the monotonic clock, no more is read (0: no
    pause). Standard input holds the detection's JSON line; all output is read, but only its end is kept. Death by a
    signal is reported as a shell does it: 128 + its number.
    """

    def __init__(self, order: Order) -> None:
        """Start the program. Raises OSError or ValueError if that fails."""
        self.order = order
        self.written = 0
        self.rests_until = 0.0
        self._tail = b""
        self._began = time.monotonic()
        self._due = self._began + order.hook.timeout_s
        self._signals = [signal.SIGKILL, signal.SIGTERM]  # still to be sent, the last one first
        self._timed_out = False
        with ExitStack() as ours, ExitStack() as its:
            output, hooks_output = os.pipe()
            ours.callback(os.close, output)
            its.callback(os.close, hooks_output)
            os.set_blocking(output, False)
            reading = _pipe_holding(encode(order.envelope))
            its.callback(os.close, reading)
            self._process = subprocess.Popen(
                order.hook.argv,
                stdin=reading,
                stdout=hooks_output,
                stderr=hooks_output,
                env=environment(order.envelope, os.environ, order.hook.passed),
                start_new_session=True,
            )
            ours.callback(self._kill_and_wait)
            self.exit_descriptor = exit_descriptor(self._process.pid)
            self.output_descriptor = output
            ours.pop_all()

    def due(self, deadline: float) -> float:
        """When `enforce` has something to do next, by the monotonic clock; `deadline` applies to all hooks."""
        return self._due if self._told_to_end else min(self._due, deadline)

    def enforce(self, deadline: float) -> bool:
        """End the process group once its time is over, by SIGTERM, then SIGKILL. False if it has outlived both."""
        now = time.monotonic()
        if now < self.due(deadline):
            return True
        if not self._signals:
            return False
        self._timed_out = self._timed_out or now >= self._began + self.order.hook.timeout_s
        self._signal(self._signals.pop())
        self._due = now + GRACE_S
        return True

    def read(self) -> bool:
        """Read its output, 64 KiB at most; False at the end of the output."""
        try:
            data = os.read(self.output_descriptor, 65_536)
        except BlockingIOError:
            return True
        self.written += len(data)
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        return bool(data)

    def finish(self) -> HookFinished:
        """Collect the exit status and log it. Call when `exit_descriptor` is readable."""
        if self._told_to_end:
            self._signal(signal.SIGKILL)  # to those that ignored SIGTERM; before wait() the group's id cannot be reused
        status = self._process.wait()
        if self.output_descriptor >= 0:
            self.read()
        return self._report(128 - status if status < 0 else status)

    def give_up(self) -> HookFinished:
        """Report a program that outlives SIGKILL, as it runs as another user or hangs in the kernel."""
        return self._report(None)

    def close_output(self) -> None:
        """Stop reading its output; `output_descriptor` is -1 from then on."""
        os.close(self.output_descriptor)
        self.output_descriptor = -1

    def abandon(self, until: float) -> None:
        """Wait for the killed program until the monotonic clock shows `until`, then release everything."""
        self._wait(until - time.monotonic())
        if self.output_descriptor >= 0:
            self.close_output()
        self._close_exit()

    def kill(self) -> None:
        """Kill its process group, without waiting."""
        if self._process.returncode is not None:  # its id may have been reused by now
            return
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def _told_to_end(self) -> bool:
        return signal.SIGTERM not in self._signals

    def _kill_and_wait(self) -> None:
        self.kill()
        self._wait(GRACE_S)

    def _wait(self, limit_s: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, limit_s))

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # gone, or running as another user by sudo
            log.debug("hook for %s: %s did not reach it", self.order.word, number.name)

    def _close_exit(self) -> None:
        if self.exit_descriptor >= 0:
            os.close(self.exit_descriptor)
            self.exit_descriptor = -1

    def _report(self, status: int | None) -> HookFinished:
        self._close_exit()
        duration_ms = round(1000 * (time.monotonic() - self._began), 1)
        ending = f"exit status {status}"
        if status is None:
            ending = "cannot be ended, not even by SIGKILL; it is left alone"
        elif self._timed_out:
            ending = f"ended after its time-out of {self.order.hook.timeout_s:g} s"
        elif self._told_to_end:
            ending = "ended, because kwsd stops"
        level = logging.INFO if status == 0 and not self._timed_out else logging.WARNING
        log.log(level, "hook for %s: %s: %s, %.0f ms", self.order.word, self.order.command, ending, duration_ms)
        said = self._tail.decode("utf-8", "replace").strip()
        if said:
            log.log(level, "hook for %s wrote: %s", self.order.word, last_of(repr(said), TAIL_SHOWN))
        return self.order.report(status, self._timed_out, duration_ms)


def _pipe_holding(data: bytes) -> int:
    """The reading end of a pipe with just `data`, which is far less than the 64 KiB that fit into it."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        os.write(writing, data)
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return reading

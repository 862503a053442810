"""A process of our own, in which PortAudio may hang, abort or be killed without taking kwsd along."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_BOOTSTRAP = (
    "import json, sys; sys.path[:], *sys.argv[1:] = json.loads(sys.argv[1]); "
    "from kwsd.audio.capture.{} import main; main()"
)

HANGS = "does the sound server hang? restart it"
"""What to do where there is no answer."""
_ABORTED = "is ALSA's configuration whole (ALSA_CONFIG_PATH, ~/.asoundrc)? A file or `-` can be listened to without"
"""What to do where PortAudio, or ALSA below it, gave up: they print nothing."""


def command(module: str, *given: str) -> list[str]:
    """How to start `main()` of a module of `kwsd.audio.capture`, which finds in sys.argv its parent's process id and
    `given`.

    Python is isolated (-I) and given our own search path: in whatever folder kwsd was started, no json.py that lies
    there is imported. All of it is JSON, which is ASCII: a device's name may have letters that the locale lacks.
    """
    path = [str(Path(entry).absolute()) for entry in sys.path]
    flags = ["-I", "-B"] if sys.dont_write_bytecode else ["-I"]
    return [sys.executable, *flags, "-c", _BOOTSTRAP.format(module), json.dumps([path, f"{os.getpid()}", *given])]


def answering(parent: int) -> int:
    """For `main()`, at its beginning: die with the parent; the descriptor of standard output, where from now on nothing
    comes that a C library prints."""
    _die_with(parent)
    pipe = os.dup(1)
    os.dup2(2, 1)
    return pipe


def _die_with(parent: int) -> None:
    """Be killed when the thread that started us ends, however it ends: `kill -9` leaves it no time to see to us."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before that
        os._exit(0)


def ending(status: int) -> tuple[str, str]:
    """How a process ended, by what `wait` gave, and what to do about it."""
    remedy = _ABORTED if -status in (signal.SIGABRT, signal.SIGSEGV) else ""
    return (f"signal {-status}" if status < 0 else f"exit status {status}"), remedy

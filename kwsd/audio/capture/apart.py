"""Helpers for a child process in which PortAudio may hang, abort or be killed without taking kwsd along."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

from kwsd.isolated import isolated

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_NAME = "kwsd-capture"
"""The name of these processes for the kernel. To read the command line of one that is stuck may hang as well."""
_PROCESSES = Path("/proc")

HANGS = "does the sound server hang? restart it"
"""The remedy where the process does not answer."""
_ABORTED = "is ALSA's configuration whole (ALSA_CONFIG_PATH, ~/.asoundrc)? A file or `-` can be listened to without"
"""The remedy where PortAudio, or ALSA below it, aborted, which print nothing."""


def command(module: str, *given: str) -> list[str]:
    """The command that runs `main()` of a module of `kwsd.audio.capture`, with our process id and `given`."""
    return isolated(f"from kwsd.audio.capture.{module} import main; main()", f"{os.getpid()}", *given)


def answering(parent: int) -> int:
    """Prepare the process, at the beginning of `main()`; returns the descriptor of the pipe to the parent.

    The process has a name, and dies with its parent. What C libraries print to standard output goes to standard error,
    not to the pipe.
    """
    _prctl(_PR_SET_NAME, _NAME.encode())
    _die_with(parent)
    pipe = os.dup(1)
    os.dup2(2, 1)
    return pipe


def _die_with(parent: int) -> None:
    """Have the kernel kill us when the thread that started us ends: after `kill -9` the parent cannot do so itself."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that
        os._exit(0)


def _prctl(what: int, value: int | bytes) -> None:
    """Ask the kernel for something about this process, if it is Linux."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


def ending(status: int) -> tuple[str, str]:
    """How a process ended, by the return code of `Popen.wait`, and the remedy ("" if there is none)."""
    remedy = _ABORTED if -status in (signal.SIGABRT, signal.SIGSEGV) else ""
    return (f"signal {-status}" if status < 0 else f"exit status {status}"), remedy


def stuck_in_kernel() -> list[int]:
    """The ids of this user's processes of this kind that were killed and are still there, whoever started them."""
    return [int(process.name) for process in _PROCESSES.glob("[0-9]*") if _is_stuck(process)]


def _is_stuck(process: Path) -> bool:
    try:
        if (process / "comm").read_bytes() != f"{_NAME}\n".encode():
            return False
        lines = (process / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # it has ended meanwhile
        return False
    told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if not told.keys() >= {"ShdPnd", "State", "Threads", "Uid"}:  # a kernel of another kind, as gVisor's
        return False
    killed = int(told["ShdPnd"], 16) >> (signal.SIGKILL - 1) & 1
    ended = told["State"].startswith("Z") and told["Threads"] == "1"  # and not waited for yet
    return bool(killed) and not ended and told["Uid"].split()[1] == f"{os.geteuid()}"

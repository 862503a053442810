"""Child processes of a measurement, which do not outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

PATIENCE_S = 30.0
"""Seconds to wait for any action or output of a child process."""
_TIED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
os.getppid() == int(sys.argv[1]) or os._exit(0)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """The command, wrapped so that the kernel kills it when the thread that starts it ends, for whatever reason."""
    return [sys.executable, "-I", "-S", "-c", _TIED, f"{os.getpid()}", *command]


def begun(command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process without input and output; its standard error is a pipe."""
    nothing = subprocess.DEVNULL
    return subprocess.Popen(tied(command), env=env, stdin=nothing, stdout=nothing, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process by SIGTERM or, if that does not suffice, by SIGKILL; nothing happens if it has ended."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_S)
    process.kill()
    process.wait()

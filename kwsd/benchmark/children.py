"""Processes that a measurement starts, and that do not outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

PATIENCE_S = 30.0
"""For whatever one of them has to do or say."""
_TIED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
os.getppid() == int(sys.argv[1]) or os._exit(0)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """The command, so that it is killed with the thread that starts it: whatever ends us, it does not live on."""
    return [sys.executable, "-I", "-S", "-c", _TIED, f"{os.getpid()}", *command]


def begun(command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process that reads and prints nothing; its log is a pipe."""
    nothing = subprocess.DEVNULL
    return subprocess.Popen(tied(command), env=env, stdin=nothing, stdout=nothing, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> None:
    """End it, in whatever way it takes. Once it has ended it does nothing."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_S)
    process.kill()
    process.wait()

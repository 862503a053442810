"""Runs a program that may hang for ever, even in the kernel, where nothing can kill it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

_REAP_S = 0.5


def outcome(command: Sequence[str], limit_s: float, env: Mapping[str, str] | None = None) -> tuple[int, bytes, bytes]:
    """Run a program, in this process's environment or `env`: its return code, standard output and standard error.

    After `limit_s` seconds it is killed, or left behind if it is stuck inside the kernel. It writes to memory files,
    not pipes: a pipe ends only when its last holder exits, and a library may start a sound server that goes on. Raises
    OSError and subprocess.TimeoutExpired.
    """
    with _memory("said") as said, _memory("printed") as printed:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=printed, env=env)
        try:
            status = process.wait(limit_s)
        except BaseException:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_REAP_S)
            raise
        said.seek(0)
        printed.seek(0)
        return status, said.read(), printed.read()


def _memory(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC), "r+b")

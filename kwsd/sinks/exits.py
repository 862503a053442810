"""The end of a process that we started, as a descriptor for poll(2)."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress


def exit_descriptor(pid: int) -> int:
    """What becomes readable when our child `pid` has ended; whoever asked closes it.

    A pidfd; before Linux 5.3, which has none, the end of a pipe that a thread closes. Neither collects the exit status.
    Raises OSError where descriptors or threads run out.
    """
    try:
        return os.pidfd_open(pid)
    except AttributeError:  # a Python that was built where there was none
        return _watched(pid)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):  # EPERM: a container's filter that knows no such call
            raise
        return _watched(pid)


def _watched(pid: int) -> int:
    reading, writing = os.pipe()
    try:
        threading.Thread(target=_wait, args=(pid, writing), name="kwsd-hook-exit", daemon=True).start()
    except BaseException as error:
        os.close(reading)
        os.close(writing)
        if isinstance(error, RuntimeError):
            raise OSError(errno.EAGAIN, "no thread can be started to wait for its end") from error
        raise
    return reading


def _wait(pid: int, writing: int) -> None:
    with suppress(ChildProcessError):  # it was collected already
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.close(writing)

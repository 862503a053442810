"""Waits for the end of a child process with poll(2), by means of a descriptor."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress


def exit_descriptor(pid: int) -> int:
    """A descriptor that becomes readable when our child `pid` has ended; the caller closes it.

    It is a pidfd or, before Linux 5.3, the reading end of a pipe whose other end a thread closes. Neither collects the
    exit status. Raises OSError where descriptors or threads run out.
    """
    try:
        return os.pidfd_open(pid)
    except AttributeError:  # a Python that was built without pidfd_open
        return _watched(pid)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):  # EPERM: a container's filter that forbids it
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

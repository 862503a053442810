"""One process at a time, in a folder or over a file."""

from __future__ import annotations

import fcntl


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file or folder until it is closed, without waiting (flock(2)).

    False: another process has it. True on a file system that locks nothing, too, as a network's disk may: who refused
    to go on there could never go on.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True

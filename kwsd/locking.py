"""A lock that lets one process at a time use a folder or a file."""

from __future__ import annotations

import fcntl


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder exclusively until it is closed, without waiting (flock(2)).

    False where another process holds the lock. True also on a file system without locks, as some network mounts are:
    a caller that insisted on the lock could never proceed there.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True

"""Whether a stream takes a line now, or would have its writer wait for whoever reads it."""

from __future__ import annotations

import io
import select
from typing import TextIO


def has_room(stream: TextIO) -> bool:
    """Whether a line that is shorter than PIPE_BUF (4096 bytes) can be written without waiting.

    True as well for what is no file but text in memory, and for a closed stream: writing will tell.
    """
    try:
        descriptor = stream.fileno()
    except (io.UnsupportedOperation, ValueError):
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))

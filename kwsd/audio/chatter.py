"""Moves to the log what ALSA, PortAudio and libmpg123 print: on standard error, a user wants one clear line."""

from __future__ import annotations

import logging
import os
import re
import select
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_CHATTER = re.compile(
    r"^(ALSA lib |Expression '|jack server|Cannot connect to server|JackShm|connect\(2\) "
    r"|\[\S*libmpg123/|Warning: Xing |Note: (Illegal Audio-MPEG-Header|Trying to resync|Skipped \d+ bytes))"
)
_ASIDE = threading.Lock()  # two threads at once could restore each other's redirection, and leave it in place


@contextmanager
def chatter_to_log(log: logging.Logger) -> Iterator[None]:
    """Send those libraries' lines to `log` at debug level; other lines go to standard error afterwards, if it is read.

    It redirects file descriptor 2 for the whole process, so keep the block short. Where no descriptor is left for that,
    nothing is redirected.
    """
    with _ASIDE, ExitStack() as stack:
        try:
            # In memory, so that a full disk cannot keep a lost device from being found again.
            kept = stack.enter_context(os.fdopen(os.memfd_create("chatter", os.MFD_CLOEXEC), "w+b"))
            stderr = os.dup(2)
        except OSError as error:
            log.debug("what the libraries print goes to standard error: %s", error)
            yield
            return
        stack.callback(os.close, stderr)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            kept.seek(0)
            for line in kept:
                text = line.decode(errors="replace").rstrip("\n")
                if _CHATTER.match(text):
                    log.debug("%s", text)
                else:
                    _pass_on(line)


def _pass_on(line: bytes) -> None:
    """Write a line to standard error, unless its reader is gone, its disk is full, or the write would block."""
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    with suppress(OSError):
        for at in range(0, len(line), select.PIPE_BUF):
            if not poll.poll(0):  # a pipe that is ready has room for PIPE_BUF bytes
                return
            os.write(2, line[at : at + select.PIPE_BUF])

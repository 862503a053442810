"""ALSA, PortAudio and libmpg123 print on standard error, past Python, what they like; a user wants one clear line."""

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
_ASIDE = threading.Lock()  # two threads that each put back what they found would leave it turned aside


@contextmanager
def chatter_to_log(log: logging.Logger) -> Iterator[None]:
    """Keep those libraries' lines for `log` at debug level; what others wrote meanwhile goes out afterwards, as far as
    somebody reads it.

    It turns file descriptor 2 aside, for the whole process: keep it short. Where that cannot be, for want of
    descriptors, the libraries are let talk.
    """
    with _ASIDE, ExitStack() as stack:
        try:
            # In memory: a full disk must not keep a device lost.
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
    """Write a line to standard error, unless nobody reads it, the disk below it is full, or it would have to wait."""
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    with suppress(OSError):
        for at in range(0, len(line), select.PIPE_BUF):
            if not poll.poll(0):  # else a pipe has room for so many bytes
                return
            os.write(2, line[at : at + select.PIPE_BUF])

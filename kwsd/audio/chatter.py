"""ALSA, PortAudio and libmpg123 print on standard error, past Python, what they like; a user wants one clear line."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    r"^(ALSA lib |Expression '|jack server|Cannot connect to server|JackShm|connect\(2\) "
    r"|\[\S*libmpg123/|Warning: Xing |Note: (Illegal Audio-MPEG-Header|Trying to resync|Skipped \d+ bytes))"
)
_ASIDE = threading.Lock()  # two threads that each put back what they found would leave it turned aside


@contextmanager
def chatter_to_log(log: logging.Logger) -> Iterator[None]:
    """Keep those libraries' lines for `log` at debug level; what others wrote meanwhile goes out afterwards.

    It turns file descriptor 2 aside, for the whole process: keep it short.
    """
    # In memory: a full disk must not keep a device lost.
    with _ASIDE, os.fdopen(os.memfd_create("chatter", os.MFD_CLOEXEC), "w+b") as kept:
        stderr = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            kept.seek(0)
            for line in kept:
                text = line.decode(errors="replace").rstrip("\n")
                if _CHATTER.match(text):
                    log.debug("%s", text)
                else:
                    os.write(2, line)

"""Lists the microphones, for the commands that show them, although the sound server may hang."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from kwsd.cli.interrupts import killed_by_ctrl_c
from kwsd.cli.stderr import PATIENCE_S

if TYPE_CHECKING:
    from kwsd.audio.capture.devices import InputDevice

LATE_S = 3.0
"""Seconds after which the user is told what the command waits for."""
_WAITING = b"kwsd: the sound server has not answered yet; Ctrl-C ends the wait, and a restart of that server may help\n"


def microphones() -> list[InputDevice]:
    """The input devices by `kwsd.audio.capture.probing.probed_devices`; meanwhile Ctrl-C ends the process at once."""
    from kwsd.audio.capture.probing import probed_devices

    with _told_when_late(), killed_by_ctrl_c():
        return probed_devices()


@contextmanager
def _told_when_late() -> Iterator[None]:
    """Print a line on standard error if the context lasts long."""

    def tell() -> None:
        with suppress(OSError):  # nobody reads it
            os.write(2, _WAITING)

    late = threading.Timer(LATE_S, tell)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()
        late.join(PATIENCE_S)  # a stopped terminal may block it

"""What the daemon's main thread is told at its mailbox."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal came."""

    number: signal.Signals


@dataclass(frozen=True, slots=True)
class Failed:
    """A thread came to an unforeseen end; this is why."""

    error: BaseException


class Ended:
    """All audio is through, and what it set off is done."""


class StdoutClosed:
    """Nobody reads standard output any more. It ends a run over files and pipes, as it ends other filters, and one that
    has no other output; else the daemon goes on."""


Message = Signalled | Failed | Ended | StdoutClosed

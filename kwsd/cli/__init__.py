"""The command line: one file a command. Nothing heavy is imported before a command runs, so that help is instant."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; see `kwsd.cli.entry`.

    Where the process is ours (no `arguments`), Ctrl-C ends it at once while that is imported: there is nothing yet to
    tidy up, and importing is no place for an exception. So does SIGTERM `kwsd listen` until the daemon takes it over.
    SIGHUP, which asks a daemon to read its configuration again, is kept for it where there is no terminal that could
    hang up.
    """
    if arguments is not None:
        from kwsd.cli.entry import main as run

        return run(arguments)
    interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else a shell's background job
    if interrupts:
        signal.signal(signal.SIGINT, _end)
    if "listen" in sys.argv[1:3]:
        _hold_signals()
    from kwsd.cli import entry
    from kwsd.errors import Interrupted

    try:
        if interrupts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return entry.main()
    except KeyboardInterrupt:
        return Interrupted.exit_status


def _hold_signals() -> None:
    """What `kwsd listen` does with signals before it knows what it listens to."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)
    from kwsd.daemon.signals import WITHOUT_MEANING, Held, has_terminal, let_pass

    for number in WITHOUT_MEANING:  # until the very end: `relayed` puts back what it finds
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, let_pass)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and not has_terminal():
        signal.signal(signal.SIGHUP, Held())


def _end(number: int, _: FrameType | None) -> None:
    os._exit(130 if number == signal.SIGINT else 0)

"""The command line, with one file for each command; heavy imports wait until one runs, so that help is instant."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from kwsd.cli.early_signals import end_at_once
from kwsd.cli.named_command import named_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (see `kwsd.cli.entry`).

    Without `arguments`, the process is kwsd's own, and signals are handled from the start. While `kwsd.cli.entry` is
    imported, and all that `kwsd listen` needs, Ctrl-C ends the process at once: there is nothing to clean up, and
    imports do not expect an exception, which they may swallow. SIGTERM likewise ends `kwsd listen` until the daemon
    handles it. SIGHUP, which asks a daemon to read its configuration again, is remembered for it, unless there is a
    terminal that could hang up.
    """
    if arguments is not None:
        from kwsd.cli.entry import main as run

        return run(arguments)
    interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so in a shell's background job
    if interrupts:
        signal.signal(signal.SIGINT, end_at_once)
    listens = named_command(sys.argv[1:]) == "listen"
    if listens:
        _hold_signals()
    from kwsd.cli import entry
    from kwsd.errors import Interrupted

    try:
        if interrupts and not listens:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return entry.main()
    except KeyboardInterrupt:
        return Interrupted.exit_status


def _hold_signals() -> None:
    """Install the signal handlers of `kwsd listen` for the time before its source is known."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end_at_once)
    from kwsd.daemon.signals import WITHOUT_MEANING, Held, has_terminal, let_pass

    for number in WITHOUT_MEANING:  # until the very end: `relayed` restores the handlers that it finds
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, let_pass)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and not has_terminal():
        signal.signal(signal.SIGHUP, Held())

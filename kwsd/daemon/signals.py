"""Signals as messages."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ASKING_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def has_terminal() -> bool:
    """Whether the process belongs to a terminal; one that has hung up does not count."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


@contextmanager
def relayed(
    put: Callable[[signal.Signals], None], at_once: Callable[[], None], wakeup: int, *, reloads: bool = False
) -> Iterator[None]:
    """Hand the first signal that asks to stop to `put`, which must take no lock, and do nothing else.

    With `reloads` every SIGHUP goes to `put`, and none of them is the first or second one that asks to stop.

    `wakeup` is the descriptor to which the interpreter writes a byte as the signal comes; see `Mailbox`.

    A second signal means now: `at_once` is called, and the process dies of that signal. What the parent process made
    us ignore (nohup, a shell's background job) stays ignored. Only in the main thread.
    """
    heard: list[signal.Signals] = []

    def handle(number: int, _: FrameType | None) -> None:
        if reloads and number == signal.SIGHUP:
            put(signal.SIGHUP)
            return
        heard.append(signal.Signals(number))
        if len(heard) == 1:
            put(heard[0])
            return
        at_once()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = {number: signal.getsignal(number) for number in ASKING_TO_STOP}
    relayed = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    woken_before = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    try:
        for number in relayed:
            signal.signal(number, handle)
        yield
    finally:
        signal.set_wakeup_fd(woken_before)
        for number in relayed:
            signal.signal(number, before[number])

"""Turns signals into messages for the main thread."""

from __future__ import annotations

import errno
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

ASKING_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WITHOUT_MEANING = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals that are ignored. By default they would end the process at once, and leave its socket and hooks behind."""
LOOK_S = 10.0
"""Seconds from one check of the terminal to the next."""
TOGETHER_S = 0.5
"""A signal repeated within so many seconds counts once: timeout(1) sends it twice, the second time to the group."""


def let_pass(_number: int, _frame: FrameType | None) -> None:
    """A handler that does nothing; unlike SIG_IGN it is not inherited by hooks, nor mistaken for the parent's wish."""


class Held:
    """A handler for a signal that means something only once the daemon runs.

    It does nothing but note in `came` that the signal arrived, so that `relayed` can pass it on later.
    """

    def __init__(self) -> None:
        self.came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True


def has_terminal() -> bool | None:
    """Whether the process has a controlling terminal that has not hung up.

    None if that cannot be found out, as descriptors or memory have run out.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError as error:
        return None if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM) else False
    return True


class Terminal:
    """The controlling terminal that the process had when it began.

    A SIGHUP means that the terminal has hung up only if it did so just now: a daemon may outlive its terminal by weeks.
    """

    def __init__(self) -> None:
        self._there = bool(has_terminal())
        self._looked_at = time.monotonic()
        self._gone_at = -math.inf

    def look(self) -> None:
        """Check whether the terminal is still there, if the last check was at least `LOOK_S` seconds ago."""
        now = time.monotonic()
        if self._there and now - self._looked_at >= LOOK_S:
            self._looked_at = now
            if has_terminal() is False:
                self._there, self._gone_at = False, now

    def hangs_up(self) -> bool:
        """Whether the terminal is gone, but was there at the last check or was found gone less than `LOOK_S` ago."""
        return (self._there and has_terminal() is False) or time.monotonic() - self._gone_at < LOOK_S


@contextmanager
def relayed(
    put: Callable[[signal.Signals], None], at_once: Callable[[], None], wakeup: int, *, reloads: bool = False
) -> Iterator[None]:
    """Pass the first signal that asks to stop to `put`, which must take no lock, and ignore signals without a meaning.

    A second signal that asks to stop, if it is another one or comes later than `TOGETHER_S`, ends the process at once:
    `at_once` is called, and the process dies of that signal.

    With `reloads` every SIGHUP goes to `put`, and none counts as the first or second signal that asks to stop; one that
    arrived earlier, while it was `Held`, goes there first.

    `wakeup` is the descriptor to which the interpreter writes a byte for each signal; see `Mailbox`. Signals that the
    parent process has set to be ignored (nohup, a shell's background job) stay ignored. Only for the main thread.
    """
    heard: list[tuple[signal.Signals, float]] = []

    def handle(number: int, _: FrameType | None) -> None:
        if reloads and number == signal.SIGHUP:
            put(signal.SIGHUP)
            return
        now = time.monotonic()
        if not heard:
            heard.append((signal.Signals(number), now))
            put(signal.Signals(number))
            return
        first, at = heard[0]
        if number == first and now - at < TOGETHER_S:
            return
        at_once()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)  # process 1 of a container does not die of its own signals

    handlers = dict.fromkeys(ASKING_TO_STOP, handle) | dict.fromkeys(WITHOUT_MEANING, let_pass)
    before = {number: signal.getsignal(number) for number in handlers}
    ours = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    woken_before = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    try:
        for number in ours:
            signal.signal(number, handlers[number])
        held = before[signal.SIGHUP]
        if reloads and held is signal.SIG_IGN:
            log.info(
                "kwsd was started with SIGHUP ignored (nohup): it cannot reload its configuration; restart it instead"
            )
        if reloads and isinstance(held, Held) and held.came:
            put(signal.SIGHUP)
        yield
    finally:
        signal.set_wakeup_fd(woken_before)
        for number in ours:
            signal.signal(number, before[number])

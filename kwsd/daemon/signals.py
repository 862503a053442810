"""Signals as messages."""

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
"""Else they would end the process at once, its socket and hooks left behind."""
LOOK_S = 10.0
"""Seconds from one look at the terminal to the next."""
TOGETHER_S = 0.5
"""The same signal again within so many seconds is no second one: timeout(1) sends it twice, the second to the group."""


def let_pass(_number: int, _frame: FrameType | None) -> None:
    """A handler that does nothing. Unlike SIG_IGN it is no wish of the parent process, and no hook inherits it."""


class Held:
    """A handler, as `let_pass`, for a signal that means something only once the daemon runs: `came` says whether it
    did meanwhile, for `relayed` to hand it on."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True


def has_terminal() -> bool | None:
    """Whether the process belongs to a terminal; one that has hung up does not count. None where nobody can tell, as
    there is no descriptor left."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError as error:
        return None if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM) else False
    return True


class Terminal:
    """The terminal that the process belonged to when it began.

    A SIGHUP means that it hangs up only if it does so now: a daemon may outlive its terminal by weeks.
    """

    def __init__(self) -> None:
        self._there = bool(has_terminal())
        self._looked_at = time.monotonic()
        self._gone_at = -math.inf

    def look(self) -> None:
        """See now and then whether it is still there."""
        now = time.monotonic()
        if self._there and now - self._looked_at >= LOOK_S:
            self._looked_at = now
            if has_terminal() is False:
                self._there, self._gone_at = False, now

    def hangs_up(self) -> bool:
        """Whether it is gone, and was there when we last looked, or was found gone just now."""
        return (self._there and has_terminal() is False) or time.monotonic() - self._gone_at < LOOK_S


@contextmanager
def relayed(
    put: Callable[[signal.Signals], None], at_once: Callable[[], None], wakeup: int, *, reloads: bool = False
) -> Iterator[None]:
    """Hand the first signal that asks to stop to `put`, which must take no lock, and do nothing else. Those without
    a meaning are let pass.

    With `reloads` every SIGHUP goes to `put`, and none of them is the first or second one that asks to stop. One that
    came before, while it was `Held`, goes there first.

    `wakeup` is the descriptor to which the interpreter writes a byte as the signal comes; see `Mailbox`.

    A second signal, later than `TOGETHER_S` or another one, means now: `at_once` is called, and the process dies of
    that signal. What the parent process made us ignore (nohup, a shell's background job) stays ignored. Only in the
    main thread.
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
        os._exit(128 + number)  # a container's process 1 does not die of signals that it sends itself

    handlers = dict.fromkeys(ASKING_TO_STOP, handle) | dict.fromkeys(WITHOUT_MEANING, let_pass)
    before = {number: signal.getsignal(number) for number in handlers}
    ours = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    woken_before = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    try:
        for number in ours:
            signal.signal(number, handlers[number])
        held = before[signal.SIGHUP]
        if reloads and held is signal.SIG_IGN:
            log.info("SIGHUP is ignored, as whoever started this wants it (nohup): it reads no configuration again")
        if reloads and isinstance(held, Held) and held.came:
            put(signal.SIGHUP)
        yield
    finally:
        signal.set_wakeup_fd(woken_before)
        for number in ours:
            signal.signal(number, before[number])

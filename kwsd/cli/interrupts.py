"""Handles signals such as Ctrl-C so that work is interrupted only at a safe point."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from kwsd.daemon.signals import TOGETHER_S
from kwsd.errors import Interrupted

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from 3.11 on

_ASKED = b"\nkwsd: stopping at the next good moment; Ctrl-C again stops at once and goes back to the last checkpoint\n"


class Interrupts:
    """A context in which the first SIGINT takes effect only in `check`; a second one interrupts at once, as usual.

    Further ones within `TOGETHER_S` count as the first: `timeout -s INT` sends two.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise Interrupted if there was a SIGINT."""
        if self._asked_at is not None:
            raise Interrupted("interrupted")

    def _ask(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            with suppress(OSError):  # the same Ctrl-C may have ended the reader, such as `tee`
                os.write(2, _ASKED)  # print() may be what was interrupted
        elif now - self._asked_at >= TOGETHER_S:
            signal.default_int_handler(number, frame)


@contextmanager
def killed_by_ctrl_c() -> Iterator[None]:
    """A context in which Ctrl-C kills the process, for C code that may hang, during which no Python handler runs.

    Use it only where nothing is half done. Nothing changes if SIGINT is ignored, or outside the main thread.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ending_tidily() -> Iterator[None]:
    """A context in which SIGTERM and SIGHUP unwind the stack, as Ctrl-C does.

    So temporary folders and child processes do not outlive this process. A signal that is ignored stays ignored."""
    asked = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        asked = []

    def handle(by: Any) -> None:
        for number in asked:
            signal.signal(number, by)

    def leave(number: int, _frame: FrameType | None) -> None:
        handle(signal.SIG_DFL)  # a second signal ends the process at once
        raise SystemExit(128 + number)

    handle(leave)
    try:
        yield
    finally:
        handle(signal.SIG_DFL)

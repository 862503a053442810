"""Ctrl-C at a moment that suits: asked for at once, acted upon where nothing is half done."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from 3.11 on

_ASKED = b"\nkwsd: stopping at the next good moment; Ctrl-C again stops at once and goes back to the last checkpoint\n"


class Interrupted(Exception):
    """Somebody pressed Ctrl-C some time ago, and now is a good moment."""


class Interrupts:
    """Within it, the first SIGINT only waits for `check`; the second one interrupts at once, as ever."""

    def __init__(self) -> None:
        self._asked = False
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
        """Raise Interrupted if somebody asked for it."""
        if self._asked:
            raise Interrupted

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(2, _ASKED)  # print() may be what was interrupted

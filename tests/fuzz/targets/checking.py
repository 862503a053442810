"""What a target is, and what counts as a fault of it.

A check raises whatever is a fault; what an operator has to see to (KwsdError) is none, where it says of what it speaks.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from kwsd.errors import KwsdError

HANG_S = 300
"""An input that takes longer, on however busy a machine, has made it hang."""

Check = Callable[[Any], None]


@dataclass(frozen=True)
class Target:
    """`opened` takes a folder and gives what checks an input; `made` makes an input."""

    opened: Callable[[Path], AbstractContextManager[Check]]
    made: Callable[[Random], Any]

    def numbered(self, seed: int, number: int) -> Any:
        """An input that can be made again."""
        return self.made(Random(f"{seed} {number}"))  # noqa: S311  # it need be no secret


@contextmanager
def timed() -> Iterator[None]:
    """Raise where what is done within takes longer than `HANG_S`. Only in the main thread."""

    def hung(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"it hangs: {HANG_S} s are over")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def refusal(call: Callable[[], object]) -> str:
    """The text of the error that it raises for who has to see to it, "" for none; all others are faults."""
    text = ""
    try:
        with timed():
            call()
    except KwsdError as error:
        text = str(error)
    assert "\n" not in text, "an error is one line"
    return text

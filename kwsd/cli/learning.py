"""The steps of a training run as the terminal and its journal see them; an interrupt that loses nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from kwsd.cli import console
from kwsd.cli.interrupts import Interrupts
from kwsd.errors import NO_ROOM, DeviceError, Interrupted, KwsdError, OutputError
from kwsd.training.journal import JOURNAL, Journal, trim_journal

log = logging.getLogger(__name__)

_QUIET_S, _OFTEN_S = 60.0, 5.0
"""A step is told after a minute without one, and a validation no more often than each five seconds: a handful of clips
is gone through several times a second."""


class Steps(Protocol):
    """A run of either kind. `before` are steps below zero."""

    folder: Path
    step: int
    before: int

    @property
    def steps(self) -> int: ...
    def keep(self) -> None: ...
    def train(self, report: Callable[[dict[str, float]], None], settled: Callable[[], None], /) -> Any: ...


def learn(run: Steps, columns: Sequence[str], show: console.Show, again: str) -> dict[str, float]:
    """Go through the steps that are left, each report a row of the journal; the figures of the last validation.

    `columns` are the journal's, where it is new; `again` names the command that goes on with the run.

    Raises:
        Interrupted: somebody asked for it; the checkpoint is written.
        DeviceError: something cannot be written, mostly as the disk is full.
        KwsdError: whatever else ends the run.
    """
    path = run.folder / JOURNAL
    validated: dict[str, float] = {}
    told = time.monotonic()
    try:
        trim_journal(path, run.step)
        with Interrupts() as interrupts, Journal(path, columns) as journal:

            def report(figures: dict[str, float]) -> None:
                nonlocal told
                journal(figures)
                show("training", int(figures["step"]) + run.before, run.steps + run.before)
                judged = any(key.endswith("accuracy") for key in figures)
                if judged:
                    validated.update(figures)
                pause_s = _OFTEN_S if judged else _QUIET_S
                if time.monotonic() - told >= pause_s or (judged and figures["step"] >= run.steps):
                    told = time.monotonic()
                    log.info("%s", "  ".join(f"{key} {value:.5g}" for key, value in figures.items()))

            try:
                run.train(report, interrupts.check)
            except Interrupted as why:
                run.keep()
                raise Interrupted(f"{why} at step {run.step} of {run.steps};", f"{again} goes on from there") from None
    except OSError as error:
        raise unwritten(run.folder, error, again) from error
    return validated


def unwritten(place: Path, error: Exception, again: str) -> KwsdError:
    """A full disk, mostly. What was kept last is whole: checkpoints are written beside their place."""
    why, code = getattr(error, "strerror", None) or error, getattr(error, "errno", None)
    kind = DeviceError if code is None or code in NO_ROOM else OutputError
    room = "make room" if code in NO_ROOM else "see to that"
    return kind(f"{place}: cannot be written ({why}): {room}, then go on with {again}")

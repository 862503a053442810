"""Runs the steps of a training run of either kind, with progress, a journal, and interrupts that lose nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kwsd.cli import console
from kwsd.cli.interrupts import Interrupts
from kwsd.errors import NO_ROOM, DeviceError, Interrupted, KwsdError, OutputError
from kwsd.training.journal import JOURNAL, open_journal, trim_journal

log = logging.getLogger(__name__)

_QUIET_S, _OFTEN_S = 60.0, 5.0
"""A step is logged after a minute without a log line, a validation at most every five seconds.

With a handful of clips, there are several validations a second."""


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of a run's data and results, its licence, and whether it starts afresh."""

    data: Path
    runs: Path
    out: Path | None
    licence: str
    fresh: bool


class Steps(Protocol):
    """A run of either kind; `before` is the number of steps below zero."""

    folder: Path
    step: int
    before: int

    @property
    def steps(self) -> int: ...
    def keep(self) -> None: ...
    def train(self, report: Callable[[dict[str, float]], None], settled: Callable[[], None], /) -> Any: ...


def learn(run: Steps, columns: Sequence[str], show: console.Show, again: str) -> dict[str, float]:
    """Take the remaining steps, with a row of the journal for each report; returns the last validation's figures.

    `columns` are those of a new journal; `again` names the command that resumes the run.

    Raises:
        Interrupted: after Ctrl-C; the checkpoint is written.
        DeviceError: something cannot be written, mostly because the disk is full.
        KwsdError: any other error that ends the run.
    """
    path = run.folder / JOURNAL
    validated: dict[str, float] = {}
    told = time.monotonic()
    try:
        trim_journal(path, run.step)
        with Interrupts() as interrupts, open_journal(path, columns) as write:

            def report(figures: dict[str, float]) -> None:
                nonlocal told
                write(figures)
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
                raise Interrupted(f"{why} at step {run.step} of {run.steps};", f"{again} resumes from there") from None
    except OSError as error:
        raise unwritten(run.folder, error, again) from error
    return validated


def unwritten(place: Path, error: Exception, again: str) -> KwsdError:
    """The error for a failed write, mostly on a full disk; the last checkpoint is intact, as writes are atomic."""
    why, code = getattr(error, "strerror", None) or error, getattr(error, "errno", None)
    kind = DeviceError if code is None or code in NO_ROOM else OutputError
    room = "make room" if code in NO_ROOM else "correct that"
    return kind(f"{place}: cannot be written ({why}): {room}, then resume with {again}")

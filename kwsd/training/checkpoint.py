"""Reads and writes checkpoints: writing is atomic, and reading executes no code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from kwsd.errors import InputError, first_line
from kwsd.replacing import replacing

State = dict[str, Any]

CHECKPOINT, BEST = "checkpoint.pt", "best.pt"
"""File names in a run's folder: the state to resume from, and the best network so far of a fine-tuning."""


def save(state: State, path: Path) -> None:
    """Write `state` (tensors and plain values) atomically: a kill leaves the old file or the new one, never a part.

    Raises OSError.
    """
    with replacing(path, durable=True) as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # torch cannot close its archive when the disk is full
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def restore(path: Path) -> State | None:
    """The state at `path`; None if there is no such file.

    Raises:
        InputError: the file is there but cannot be read, or is no checkpoint.
    """
    if not path.exists():
        return None
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})", "make it readable") from error
    except Exception as error:  # torch's errors have no common class, and explain in ten lines how to trust a pickle
        raise InputError(
            f"{path}: damaged, or not a checkpoint of kwsd;", "use --fresh to start over, or restore a copy of it"
        ) from error
    return state


@contextmanager
def of_this_run(path: Path) -> Iterator[None]:
    """Wrap the code that loads the state at `path`.

    Raises InputError where the state does not fit: it is another network's, or that of another run."""
    try:
        yield
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        what = f"{path}: the checkpoint of another run, or of another network ({first_line(error)})"
        raise InputError(f"{what};", "use --fresh to start over, or put a copy of its own there") from error

"""Fetches models from the Hub, with progress on standard error."""

from __future__ import annotations

import logging
from pathlib import Path

from kwsd.cli import console
from kwsd.errors import DeviceError, ModelError, OutputError, UsageError

log = logging.getLogger(__name__)


def refuse_empty(*models: str) -> None:
    """Raise UsageError for an empty name, such as that of an unset variable in a script."""
    if not all(models):
        raise UsageError("the model's name is empty", "kwsd models lists the available ones")


def pull_shown(name: str) -> Path:
    """Pull a model with a progress bar. Raises what `kwsd.zoo.pull_model` raises."""
    from kwsd.zoo import pull_model

    with console.progress() as show:
        return pull_model(name, lambda done, total: show(f"{name}, kB", done // 1000, total // 1000))


def pull_if_missing(name: str) -> None:
    """Fetch the Hub's model of that id, unless it is here; a model that is here is never checked for updates.

    Raises what `kwsd.zoo.pull_model` raises; the text also names the missing folder, which may be what is meant.
    """
    from kwsd.zoo import missing_id

    wanted = missing_id(name)
    if wanted:
        log.info("there is no folder %s: fetching the model of that id from the Hub (once)", wanted)
        try:
            pull_shown(str(wanted))
        except (DeviceError, ModelError, OutputError) as error:
            what, remedy = error.args
            raise type(error)(f"there is no folder {wanted}, and {what}", remedy) from error

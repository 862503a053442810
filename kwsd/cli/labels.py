"""The flag `--labels`: the words that a measurement is about."""

from __future__ import annotations

from typing import Annotated

import typer

from kwsd.config import options
from kwsd.config.values import check
from kwsd.errors import ConfigError, UsageError

Labels = Annotated[
    str, typer.Option("--labels", metavar="WORD,WORD", help="The words that count; empty for all that the model knows.")
]


def split_labels(labels: str) -> list[str] | None:
    """Parse --labels like other lists of words; None, for all words, if it is empty.

    Raises UsageError for a text that is no list, or names no word.
    """
    if not labels:
        return None
    try:
        found = check(options()["trigger.words"], labels, "--labels", text=True)
    except ConfigError:
        found = ()
    if not found:
        raise UsageError(f"--labels is {labels!r};", "it must be words separated by commas, such as yes,no")
    return list(found)

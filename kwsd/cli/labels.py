"""`--labels`: the words that a measurement is about."""

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
    """What --labels names, read as the other lists of words are; None, for all words, where it is empty.

    Raises UsageError for what is no list, or one of nothing.
    """
    if not labels:
        return None
    try:
        found = check(options()["trigger.words"], labels, "--labels", text=True)
    except ConfigError:
        found = ()
    if not found:
        raise UsageError(f"--labels is {labels!r};", "it must be words with commas between: yes,no")
    return list(found)

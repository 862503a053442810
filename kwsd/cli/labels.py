"""The flags `--labels`, the words that a measurement is about, and `--without`, those that its talk must not hold."""

from __future__ import annotations

from typing import Annotated

import typer

from kwsd.config import options
from kwsd.config.values import check
from kwsd.errors import ConfigError, UsageError

Labels = Annotated[
    str, typer.Option("--labels", metavar="WORD,WORD", help="The words that count; empty for all that the model knows.")
]

Without = Annotated[
    str,
    typer.Option(
        "--without",
        metavar="WORD,WORD",
        help="Also leave out talk with these words: what sounds like a listened one (know, as no) is no false alarm.",
    ),
]


def split_labels(labels: str, flag: str = "--labels") -> list[str] | None:
    """Parse --labels, or another flag, like other lists of words; None, for all words, if it is empty.

    Raises UsageError for a text that is no list, or names no word.
    """
    if not labels:
        return None
    try:
        found = check(options()["trigger.words"], labels, flag, text=True)
    except ConfigError:
        found = ()
    if not found:
        raise UsageError(f"{flag} is {labels!r};", "it must be words separated by commas, such as yes,no")
    return list(found)

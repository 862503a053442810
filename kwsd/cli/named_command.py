"""Which command a command line names; found out before anything is imported, so it imports nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

DEBUG = "--debug"


def named_command(arguments: Sequence[str]) -> str:
    """The command or group that the arguments name, "" if none: the first of them, but for `--debug` and `--`.

    Another flag before a command is about the whole program; it is returned instead.
    """
    return next((word for word in arguments if word not in (DEBUG, "--")), "")

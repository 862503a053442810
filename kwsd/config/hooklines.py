"""Parses the forms in which a user writes a hook into argument lists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from kwsd.errors import ConfigError, UsageError
from kwsd.labels import composed
from kwsd.shown import literal

Argv = tuple[str, ...]

SHELL = ("/bin/sh", "-c")
"""The command that runs a hook line for which the user asks for a shell."""

_READERS = ("sh", "ash", "bash", "busybox", "dash", "fish", "ksh", "zsh", "env", "find", "ssh", "tmux", "xargs")
"""Programs that pass a `_SIGN` to a shell, or interpret it themselves."""
_SIGN = re.compile(
    r"&&?|\|\|?|;"
    r"|\d?(>>?|<)(&?\d|[\w./~-]+)?"
    r"|(~/|`|\$\(|\$\{?[A-Z_]{2,}\b).*"
    r"|.*\$\{?KWSD_.*",
    re.DOTALL,
)
"""A word of a command that has a meaning to a shell, but not to most programs."""
_ENDED = re.compile(r"[\w./~-]+;")
"""A word with a semicolon at its end, as in "a; b"."""

BY_A_SHELL = 'to run it by a shell, use --hook-shell, or { shell = "..." } in the file'
"""The remedy for an `unread_sign`."""

FORMS = """a line ("playerctl pause"), a list (["playerctl", "pause"]), { shell = "..." } or a list of these"""


def parse_hooks(value: Any, where: str) -> tuple[Argv, ...]:
    """The hooks of one word as argument lists; `where` names the key for a ConfigError.

    A line is split as a shell would split it, but no shell runs it. A list of strings is one argument list; a list
    with anything else in it is a list of hooks.
    """
    if isinstance(value, (list, tuple)) and not all(isinstance(part, str) for part in value):
        return tuple(_parse_hook(part, where) for part in value)
    return (_parse_hook(value, where),)


def _parse_hook(value: Any, where: str) -> Argv:
    argv: Argv
    if isinstance(value, str):
        argv = _split(value, where)
    elif isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        argv = tuple(value)
    elif isinstance(value, Mapping) and list(value) == ["shell"] and isinstance(value["shell"], str):
        argv = (*SHELL, value["shell"]) if value["shell"].strip() else ()
    else:
        raise ConfigError(f"{where} is {literal(value)};", f"a hook is {FORMS}")
    if not argv or not argv[0]:
        raise ConfigError(f"{where} is empty;", f"a hook is {FORMS}")
    if any("\0" in part for part in argv):
        raise ConfigError(f"{where} contains a NUL character, which no command can have;", "remove it")
    return argv


def parse_hook_flags(lines: Sequence[str], shell_lines: Sequence[str] = ()) -> dict[str, tuple[Argv, ...]]:
    """Parse `--hook WORD=COMMAND` and `--hook-shell WORD=LINE` into the override for `hooks.words`.

    A word that is named several times runs all of its commands, those of `--hook` first. Raises UsageError.
    """
    hooks: dict[str, tuple[Argv, ...]] = {}
    for flag, given in (("--hook", lines), ("--hook-shell", shell_lines)):
        for line in given:
            named, equals, command = line.partition("=")
            word = composed(named.strip())  # else its commands would not meet where it is encoded in two ways
            if not equals or not word or not command.strip():
                raise UsageError(
                    f"{flag} {literal(line)}: expected WORD=COMMAND, for example {flag} 'stop=playerctl pause'"
                )
            value = {"shell": command} if flag == "--hook-shell" else command
            try:
                hooks[word] = (*hooks.get(word, ()), *parse_hooks(value, f"{flag} {literal(line)}"))
            except ConfigError as error:
                raise UsageError(*error.args) from error
    return hooks


def unread_sign(argv: Sequence[str]) -> str:
    """An argument that looks meant for a shell, such as "&&" or "$HOME/x", though no shell reads it; "" for none.

    This is a guess: a program may want such an argument.
    """
    if any(PurePath(part).name in _READERS for part in argv):  # or behind others: timeout 5 sh -c '…'
        return ""
    ended = [part for part in argv[:-1] if _ENDED.fullmatch(part)]
    return next((part for part in argv[1:] if _SIGN.fullmatch(part)), next(iter(ended), ""))


def command_line(argv: Sequence[str]) -> str:
    """A hook as a person would type it."""
    if tuple(argv[:2]) == SHELL and len(argv) == 3:
        return argv[2]
    return shlex.join(argv)


def _split(line: str, where: str) -> Argv:
    try:
        return tuple(shlex.split(line))
    except ValueError as error:  # an open quotation, a backslash at the end
        raise ConfigError(
            f"{where} is {literal(line)}: {str(error).lower()};", "close each quote, or escape it"
        ) from error

"""Checks whether a hook's program can be run, and explains why not."""

from __future__ import annotations

import errno
import logging
import os
import shlex
import shutil
import stat
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kwsd.config import check_letters
from kwsd.errors import ConfigError

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Seconds for checking all programs together."""


class _Look(threading.Thread):
    """A check of a hook's program in a thread of its own, as it hangs on a lost mount."""

    def __init__(self, word: str, argv: Sequence[str]) -> None:
        super().__init__(name="kwsd-hook-check", daemon=True)
        self.word, self.argv = word, argv
        self.fault: Exception | None = None

    def run(self) -> None:
        try:
            _check_program(self.word, self.argv)
        except Exception as error:  # whatever it is: `check_programs` raises it
            self.fault = error


def check_programs(hooks: Mapping[str, Iterable[Sequence[str]]]) -> None:
    """Raise ConfigError unless each hook, by word, begins with a program that can be run, found as a shell finds it.

    A program whose check hangs for more than `LOOK_S` seconds is logged and not checked.
    """
    looks = [_Look(word, argv) for word, bound in hooks.items() for argv in bound]
    for look in looks:
        try:
            look.start()
        except RuntimeError:  # no thread can be started
            look.run()
    until = time.monotonic() + LOOK_S
    for look in looks:
        if look.ident is not None:
            look.join(max(0.0, until - time.monotonic()))
        if look.fault is not None:
            raise look.fault
        if look.is_alive():
            log.warning("hook for %s: %r cannot be checked: looking at the file hangs", look.word, look.argv[0])


def _check_program(word: str, argv: Sequence[str]) -> None:
    for part in argv:
        check_letters(part, f"hook for {word!r}")
    program = argv[0]
    found = shutil.which(program)
    what, remedy = _why_not_found(program) if found is None else _why_not_run(found)
    if what:
        raise ConfigError(f"hook for {word!r}: {program!r} {what}", remedy)


def why_not(argv: tuple[str, ...], error: Exception) -> str:
    """Why a hook cannot be started; Linux reports a script as missing where only the interpreter of its #! line is."""
    program = shutil.which(argv[0])
    if not program or not isinstance(error, OSError) or error.errno not in (errno.ENOENT, errno.ENOEXEC):
        return str(error)
    head = _head(program)
    if head is None:
        return str(error)
    interpreter = _interpreter(head)
    if error.errno == errno.ENOEXEC:
        return str(error) if interpreter else f"{error.strerror}: has it no #! line?"
    if not interpreter:
        return "its loader is missing"
    return f"its interpreter is missing: {_shown(interpreter)}, of its #! line"


def _why_not_found(program: str) -> tuple[str, str]:
    """Why a program is not found or not executable, and the remedy."""
    if os.sep in program:
        try:
            mode = Path(program).stat().st_mode
        except (FileNotFoundError, NotADirectoryError, UnicodeEncodeError):  # of a locale without the name's letters
            pass
        except OSError as error:
            return f"cannot be reached: {error.strerror};", "check its folder's permissions, or name another"
        else:
            if stat.S_ISDIR(mode):
                return "is a folder", ""
            return "is not executable", f"chmod +x {shlex.quote(program)}"
    if program.startswith(("~", "$")):
        return f"is not found: hooks run without a shell, which would expand {program[0]};", "write the whole path"
    if " " in program:
        return "is not found;", "a list of strings is one program with its arguments"
    if os.sep in program:
        return "is not found;", "check its path"
    return "is not found in PATH;", "install it, or write the whole path"


def _why_not_run(program: str) -> tuple[str, str]:
    """Why the kernel would not run a program that exists, and the remedy; both "" if it would.

    A shell runs a script without a #! line, but the kernel does not.
    """
    head = _head(program)
    if head is None:  # a program need not be readable
        return "", ""
    interpreter = _interpreter(head)
    if interpreter and not os.access(interpreter.replace(b"\t", b" ").partition(b" ")[0], os.X_OK):
        return f"needs an interpreter that does not exist, {_shown(interpreter)};", "install it, or correct the #! line"
    if not head.startswith(b"#!") and head.isascii() and b"\0" not in head:
        return "does not say what runs it;", "begin it with a line like #!/bin/sh"
    return "", ""


def _head(program: str) -> bytes | None:
    try:
        with Path(program).open("rb") as file:
            return file.read(256)
    except OSError:
        return None


def _interpreter(head: bytes) -> bytes:
    """The interpreter of a #! line with its arguments, b"" if there is none; a newline or null byte ends the line."""
    first = head.partition(b"\n")[0].partition(b"\0")[0]
    return first[2:].strip(b" \t") if first.startswith(b"#!") else b""


def _shown(interpreter: bytes) -> str:
    return repr(interpreter.decode(errors="replace"))

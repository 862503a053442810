"""Where the process begins: the command line in, one line about any error and one exit status out."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from kwsd.cli import console
from kwsd.cli.app import app
from kwsd.errors import KwsdError

INTERNAL = KwsdError.exit_status
INTERRUPTED = 130
_DEBUG = "--debug"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `arguments` are the process's own where none are given."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = _DEBUG in given
    try:
        try:
            app(_debug_first(given), prog_name="kwsd")
            status = 0
        except SystemExit as ended:  # typer always leaves so: help, wrong usage, a command's own status
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        _flush()
    except KwsdError as error:
        status = _tell(str(error), error.exit_status, debug)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:  # told by the flush; see also ManualGroup
        status = 0
    except Exception as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ").replace("\n", " ")
        status = _tell(f"{what} (a fault in kwsd; run with {_DEBUG} for the traceback)", INTERNAL, debug)
    _quiet_stdout()
    return status


def _tell(text: str, status: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    console.error(text)
    return status


def _debug_first(given: list[str]) -> list[str]:
    """The flag belongs to kwsd as a whole, but who adds it to a command that failed adds it at the end."""
    return [_DEBUG, *(word for word in given if word != _DEBUG)] if _DEBUG in given else given


def _flush() -> None:
    if sys.stdout is not None:  # closed before the process began: `>&-`
        sys.stdout.flush()


def _quiet_stdout() -> None:
    """Flush once more; where nobody reads any longer, keep the interpreter's own last flush from failing."""
    try:
        _flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)

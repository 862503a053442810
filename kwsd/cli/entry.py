"""Where the process begins: the command line in, one line about any error and one exit status out."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import NoReturn

from kwsd.cli import stderr
from kwsd.cli.app import app
from kwsd.errors import NO_ROOM, DeviceError, InputError, Interrupted, KwsdError, out_of_reach
from kwsd.sinks.nonblocking_writer import NOBODY_READS, has_room, silence

INTERNAL = KwsdError.exit_status
_DEBUG = "--debug"
_LOG_FORMAT = "--log-format"
_NO_MEMORY = "no memory is left: free some, or raise MemoryMax= of the unit, or ulimit -v"
_NO_TASK = "no more threads or processes: raise TasksMax= of the unit, or ulimit -u; or there is no memory for them"
_NO_DESCRIPTOR = "too many open files: raise LimitNOFILE= of the unit, or ulimit -n"
_NOT_WAITING = "the output is full, and does not wait for its reader: read it faster, or clear its O_NONBLOCK"
_LIMITS: tuple[tuple[type[Exception], str, str], ...] = (
    (RuntimeError, "can't start new thread", _NO_TASK),
    (BlockingIOError, os.strerror(errno.EAGAIN), _NO_TASK),
    (BlockingIOError, "without blocking", _NOT_WAITING),  # the interpreter's, of a descriptor with O_NONBLOCK
    (MemoryError, "", _NO_MEMORY),
    (OSError, os.strerror(errno.ENOMEM), _NO_MEMORY),
    (RuntimeError, "can't allocate memory", _NO_MEMORY),  # torch's
    (OSError, os.strerror(errno.EMFILE), _NO_DESCRIPTOR),
)
"""What the interpreter raises at a limit of the system's: which error, what it says, what to say of it."""
_DAEMON = "kwsd.daemon.supervisor"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    `arguments` are the process's own where none are given. Then the process is ours to end, and it may end here.
    """
    if arguments is not None:
        return _run(list(arguments))
    _hold_standard_descriptors()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who started us may have it ignored: then no hook has an exit status
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a locale has no letter for is spelt out, as on the log
        sys.stdout.reconfigure(errors="backslashreplace")
    status = _run(sys.argv[1:])
    if _DAEMON in sys.modules:
        _leave(status)
    return status


def _run(given: list[str]) -> int:
    debug = _DEBUG in given
    stderr.shape(_log_format(given))
    try:
        try:
            app(_debug_first(given), prog_name="kwsd")
            status = 0
        except SystemExit as ended:  # typer always leaves so: help, a command's own status
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if status != Interrupted.exit_status:
            _flush()
    except KeyboardInterrupt:
        status = Interrupted.exit_status
    except NOBODY_READS:  # told by the flush; see also ManualGroup
        status = 0
    except Exception as error:
        status = Interrupted.exit_status if _is_interrupt(error) else _tell_error(error, debug)
    _quiet_stdout(interrupted=status == Interrupted.exit_status)
    return status


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: a library in C that is imported just then calls that an error of its own."""
    return error is not None and (isinstance(error, KeyboardInterrupt) or _is_interrupt(error.__cause__))


def _tell_error(error: Exception, debug: bool) -> int:
    """One of kwsd's own; or a full disk, mostly under standard output, a closed door, a limit of the system's, which
    are no faults of ours; or what nobody has foreseen."""
    if isinstance(error, KwsdError):
        return _tell(str(error), error.exit_status, debug)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        where = error.filename or "the output"
        text = f"{where} cannot be written: {error.strerror}; make room, or write elsewhere"
        return _tell(text, DeviceError.exit_status, debug)
    if where := out_of_reach(error):
        text = f"{where}; check the name and its permissions, or name another place"
        return _tell(text, InputError.exit_status, debug)
    lacking = next((text for kind, said, text in _LIMITS if isinstance(error, kind) and said in str(error)), None)
    if lacking:
        return _tell(lacking, DeviceError.exit_status, debug)
    what = f"{type(error).__name__}: {error}".rstrip(": ").replace("\n", " ")
    return _tell(f"{what} (a fault in kwsd; run with {_DEBUG} for the traceback)", INTERNAL, debug)


def _tell(text: str, status: int, debug: bool) -> int:
    if debug:
        stderr.traceback()
    stderr.error(text)
    return status


def _debug_first(given: list[str]) -> list[str]:
    """The flag belongs to kwsd as a whole, but who adds it to a command that failed adds it at the end."""
    return [_DEBUG, *(word for word in given if word != _DEBUG)] if _DEBUG in given else given


def _log_format(given: list[str]) -> str:
    """What the command line asks for: an error in it or in the configuration is told before both are read."""
    asked = f"{_LOG_FORMAT}=json" in given or (_LOG_FORMAT, "json") in pairwise(given)
    return "json" if asked else "text"


def _flush() -> None:
    if sys.stdout is not None:  # closed before the process began: `>&-`
        sys.stdout.flush()


def _quiet_stdout(*, interrupted: bool) -> None:
    """Flush once more; where nobody reads any longer, keep the interpreter's own last flush from failing. From waiting,
    where nobody reads for now: who pressed Ctrl-C wants to leave, and would have to press it for each flush."""
    try:
        if not interrupted or sys.stdout is None or has_room(sys.stdout):
            _flush()
            return
    except (OSError, ValueError, KeyboardInterrupt):
        pass
    silence(sys.stdout)


def _hold_standard_descriptors() -> None:
    """Put /dev/null where a standard stream was closed before the process began (`2>&-`).

    Else the next file or socket that is opened gets its number, and hears what C libraries print.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _leave(status: int) -> NoReturn:
    """End the process without the interpreter's own way out.

    To take torch apart, module by module, costs it a second in which a daemon that was told to stop seems to hang.
    By now everything is closed and every thread has been joined that ends.
    """
    logging.shutdown()
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
    os._exit(status)

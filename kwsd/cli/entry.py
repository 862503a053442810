"""The entry point of the process: it runs a command line, and turns any error into one line and an exit status."""

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
from pathlib import Path
from typing import NoReturn

from kwsd.cli import stderr
from kwsd.cli.app import program
from kwsd.cli.named_command import DEBUG
from kwsd.errors import NO_ROOM, DeviceError, InputError, Interrupted, KwsdError, is_interrupt, out_of_reach
from kwsd.networks.resource_errors import gpu_failure
from kwsd.sinks.nonblocking_writer import NOBODY_READS, has_room, silence

INTERNAL = KwsdError.exit_status
_LOG_FORMAT = "--log-format"
_NO_MEMORY = "out of memory: free some, or raise MemoryMax= of the unit, or ulimit -v"
_NO_TASK = "cannot start another thread or process: raise TasksMax= of the unit, or ulimit -u, or free some memory"
_NO_DESCRIPTOR = "too many open files: raise LimitNOFILE= of the unit, or ulimit -n"
_NOT_WAITING = "the output is full and set not to wait (O_NONBLOCK): read it faster, or clear that flag"
_OLD_PROCESSOR = "this numpy needs a newer processor: take an older one, by pip install 'numpy<2.4'"
_UNMAPPED = (
    "a Python library cannot be loaded: free some memory, raise MemoryMax= of the unit, or check that the disk with "
    "the libraries is not mounted noexec"
)
_NOWHERE = "the current folder was removed: go to one that exists (cd)"
_NO_SCRATCH = "no folder can hold temporary files: make room in /tmp, or set TMPDIR to one that can"
_LIMITS: tuple[tuple[type[Exception], str, str], ...] = (
    (RuntimeError, "can't start new thread", _NO_TASK),
    (BlockingIOError, os.strerror(errno.EAGAIN), _NO_TASK),
    (BlockingIOError, "without blocking", _NOT_WAITING),  # the interpreter's, of a descriptor with O_NONBLOCK
    (MemoryError, "", _NO_MEMORY),
    (OSError, os.strerror(errno.ENOMEM), _NO_MEMORY),
    (RuntimeError, "can't allocate memory", _NO_MEMORY),  # torch's
    (OSError, os.strerror(errno.EMFILE), _NO_DESCRIPTOR),
    (FileNotFoundError, "No usable temporary directory", _NO_SCRATCH),  # tempfile's, of a full disk, too
    (ImportError, "failed to map segment", _UNMAPPED),  # the dynamic linker's, also within numpy's long text
    (RuntimeError, "built with baseline optimizations", _OLD_PROCESSOR),
)
"""Errors that are raised at a limit of the system: the class, a part of its text, and the text to report."""
_DAEMON = "kwsd.daemon.supervisor"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Without `arguments`, those of the process are used; the process is then kwsd's own, and may be ended here.
    """
    if arguments is not None:
        return _run(list(arguments))
    try:
        _hold_standard_descriptors()
    except OSError as error:
        text = f"{os.devnull} cannot be opened: {error.strerror}; kwsd needs that device: mount or restore /dev"
        return _tell(text, DeviceError.exit_status, debug=False)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if the parent had it ignored, hooks would have no exit status
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # with a parent's, SIGTERM may end neither the daemon nor its hooks
    if not os.environ.get("HOME", "/").startswith("/"):  # one that is not set is looked up in the user database
        del os.environ["HOME"]
    if isinstance(sys.stdout, io.TextIOWrapper):  # escape letters that the locale lacks, as on the log
        sys.stdout.reconfigure(errors="backslashreplace")
    status = _run(sys.argv[1:])
    if _DAEMON in sys.modules:
        _leave(status)
    return status


def _run(given: list[str]) -> int:
    debug = DEBUG in given
    stderr.shape(_log_format(given))
    try:
        try:
            program(given)(_debug_first(given), prog_name="kwsd")
            status = 0
        except SystemExit as ended:  # typer always exits by this, after help as well
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if status != Interrupted.exit_status:
            _flush()
    except KeyboardInterrupt:
        status = Interrupted.exit_status
    except NOBODY_READS:  # raised by the flush; see also ManualGroup
        status = 0
    except Exception as error:
        status = Interrupted.exit_status if is_interrupt(error) else _tell_error(error, debug)
    _quiet_stdout(interrupted=status == Interrupted.exit_status)
    return status


def _tell_error(error: Exception, debug: bool) -> int:
    """Report an error and return its exit status.

    A full disk, an inaccessible file, a limit of the system and a GPU that fails are, like kwsd's own errors, no faults
    in kwsd; any other exception is."""
    if isinstance(error, KwsdError):
        return _tell(str(error), error.exit_status, debug)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        where = error.filename or "the output"
        text = f"{where} cannot be written: {error.strerror}; make room, or write elsewhere"
        return _tell(text, DeviceError.exit_status, debug)
    if isinstance(error, OSError) and _is_of_output(error):
        return _tell(f"the output cannot be written: {error.strerror}; write elsewhere", DeviceError.exit_status, debug)
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        return _tell(_NOWHERE, InputError.exit_status, debug)
    if where := out_of_reach(error):
        text = f"{where}; check the name and its permissions, or name another place"
        return _tell(text, InputError.exit_status, debug)
    lacking = next((text for kind, said, text in _LIMITS if isinstance(error, kind) and said in str(error)), None)
    if lacking:
        return _tell(lacking, DeviceError.exit_status, debug)
    if failure := gpu_failure(error):
        return _tell(str(failure), failure.exit_status, debug)
    if isinstance(error, ValueError) and (endpoint := _wrong_endpoint()):
        return _tell(endpoint, DeviceError.exit_status, debug)
    what = f"{type(error).__name__}: {error}".rstrip(": ").replace("\n", " ")
    return _tell(f"{what} (a fault in kwsd; run with {DEBUG} for the traceback)", INTERNAL, debug)


def _is_of_output(error: OSError) -> bool:
    """Whether standard output refuses whatever is written: it is open for reading only, or its terminal is gone."""
    if sys.stdout is None or error.filename is not None:
        return False
    try:
        os.write(sys.stdout.fileno(), b"")
    except OSError as refused:
        return refused.errno is not None and refused.errno == error.errno
    return False


def _is_nowhere() -> bool:
    """Whether the current folder is gone, so that no relative path leads anywhere."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _wrong_endpoint() -> str:
    """What is wrong with HF_ENDPOINT, which huggingface_hub parses when it is imported; "" for nothing."""
    from urllib.parse import urlsplit

    endpoint = os.environ.get("HF_ENDPOINT", "")
    try:
        urlsplit(endpoint).port  # noqa: B018 - raises for what is no port
    except ValueError as error:
        return f"HF_ENDPOINT is {endpoint!r}, which is no address ({error}): correct or unset it"
    return ""


def _tell(text: str, status: int, debug: bool) -> int:
    if debug:
        stderr.traceback()
    stderr.error(text)
    return status


def _debug_first(given: list[str]) -> list[str]:
    """Move --debug to the front: it is a flag of kwsd itself, but users add it at the end of a failed command."""
    return [DEBUG, *(word for word in given if word != DEBUG)] if DEBUG in given else given


def _log_format(given: list[str]) -> str:
    """The log format on the command line, found before parsing, as errors may be reported before that."""
    asked = f"{_LOG_FORMAT}=json" in given or (_LOG_FORMAT, "json") in pairwise(given)
    return "json" if asked else "text"


def _flush() -> None:
    if sys.stdout is not None:  # closed before the process began: `>&-`
        sys.stdout.flush()


def _quiet_stdout(*, interrupted: bool) -> None:
    """Flush standard output, and keep the interpreter's own last flush from failing if its reader is gone.

    After Ctrl-C, do not flush to a reader that is only slow: each flush would wait until the next Ctrl-C."""
    try:
        if not interrupted or sys.stdout is None or has_room(sys.stdout):
            _flush()
            return
    except (OSError, ValueError, KeyboardInterrupt):
        pass
    silence(sys.stdout)


def _hold_standard_descriptors() -> None:
    """Open /dev/null for each standard stream that was closed before the process began (`2>&-`).

    Otherwise the next file or socket that is opened gets its number, and with it the output of C libraries.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _leave(status: int) -> NoReturn:
    """End the process without the interpreter's shutdown.

    Unloading torch takes a second, in which a daemon that was told to stop seems to hang. By now everything is closed,
    and every thread that ends has been joined.
    """
    logging.shutdown()
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
    os._exit(status)

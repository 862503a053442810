"""How a tool that is run by hand ends: with one line for what goes wrong, as kwsd's own commands do."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from kwsd.errors import NO_ROOM, DeviceError, InputError, KwsdError, OutputError

_PACKAGES = {"kokoro_onnx": "kokoro-onnx", "moonshine_voice": "moonshine-voice==0.0.55"}


def run(main: Callable[[], None]) -> None:
    """Call `main`; report its error as one line and exit with a status.

    That holds for kwsd's own errors, a missing package, a file that cannot be written, and an interrupt."""
    try:
        main()
    except KwsdError as error:
        _end(str(error), error.exit_status)
    except ModuleNotFoundError as error:
        package = _PACKAGES.get(error.name or "", error.name)
        _end(f"{error.name} is not installed: pip install {package}", DeviceError.exit_status)
    except OSError as error:  # from writing: failures to read raise kwsd's own errors
        place = f"{error.filename}: " if error.filename else ""
        status = DeviceError.exit_status if error.errno in NO_ROOM else OutputError.exit_status
        _end(f"{place}cannot be written ({error.strerror or error})", status)
    except KeyboardInterrupt:
        _end("interrupted; the same call resumes, or starts over", 130)


def distinct(names: Sequence[str]) -> None:
    """Raise InputError where two recordings share a name, since their results are stored under it, a line for each.

    So it does for a name that no line can hold: with a tab or the end of a line in it, or not in UTF-8."""
    torn = next((name for name in names if re.search("[\t\r\n\ud800-\udfff]", name)), None)
    if torn is not None:
        raise InputError(f"a recording is called {torn!r}, which no line of a table can hold; rename it")
    twice = next((name for name, number in Counter(names).items() if number > 1), None)
    if twice is not None:
        raise InputError(f"two recordings are called {twice!r}; rename one, or take their folders one by one")


def leave_out(error: InputError) -> None:
    """Report a recording that cannot be read, for `load`: one of thousands must not end the work on the others."""
    print(f"left out: {error}", file=sys.stderr, flush=True)


def parser_of(tool: str, doc: str | None) -> argparse.ArgumentParser:
    """The argument parser of a tool, named after its command line; `doc`, its module's docstring, is the help."""
    return argparse.ArgumentParser(prog=f"python -m kwsd.training.tools.{tool}", description=doc)


def count(text: str) -> int:
    """Parse an argument that is a whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number, at least 1")
    return int(text)


def _end(line: str, status: int) -> None:
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(status)

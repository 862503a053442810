"""Commands that run kwsd's own code in another process, whatever lies in the working directory."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_BOOTSTRAP = "import json, sys; sys.path[:], *sys.argv[1:] = json.loads(sys.argv[1]); "


def isolated(code: str, *given: str) -> list[str]:
    """The command that runs Python code, which may use `sys`, with `given` in sys.argv.

    Python is isolated (-I) and given our own search path, so that it imports no json.py from the working directory. All
    arguments travel as JSON, which is ASCII, since a device's name may have letters that the locale lacks.
    """
    path = [str(Path(entry).absolute()) for entry in sys.path]
    flags = ["-I", "-B"] if sys.dont_write_bytecode else ["-I"]
    return [sys.executable, *flags, "-c", _BOOTSTRAP + code, json.dumps([path, *given])]

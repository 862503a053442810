"""Lists microphones by means of a separate process, as PortAudio's libraries may abort, and have no time-out.

`kwsd devices` and `kwsd doctor` are run where something is broken, and have to survive it.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from kwsd.audio.capture.apart import HANGS, answering, command, ending
from kwsd.audio.capture.devices import InputDevice, input_devices
from kwsd.audio.capture.outcome import outcome
from kwsd.errors import DeviceError, KwsdError

log = logging.getLogger(__name__)

LIMIT_S = 30.0
"""Seconds for the list: longer than a sound server takes that is still starting."""


def probed_devices() -> list[InputDevice]:
    """The result of `input_devices` in another process.

    Raises DeviceError as `input_devices` does, and where the process dies or takes longer than `LIMIT_S` seconds.
    """
    try:
        done, said, printed = outcome(command("probing"), LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"no list of microphones in {LIMIT_S:g} s;", HANGS) from error
    except OSError as error:
        raise DeviceError(f"the process that lists microphones cannot be started: {error.strerror}") from error
    if done:
        how, remedy = ending(done)
        # The last line is a traceback's; a process that aborts may print nothing.
        last = printed.decode(errors="replace").splitlines()[-1:]
        raise DeviceError(f"microphones cannot be listed ({', '.join([*last, how])})", remedy)
    found = json.loads(said)
    for line in found["log"]:
        log.warning("%s", line)
    if "what" in found:
        raise DeviceError(found["what"], found["remedy"])
    return [InputDevice(**device) for device in found["devices"]]


class _Collecting(logging.Handler):
    """Collects the log's warnings, for the process that asked."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def main() -> None:
    """The body of that process: write the devices, or the error, to standard output as JSON."""
    pipe = answering(int(sys.argv[1]))
    said: dict[str, Any]
    warnings: list[str] = []
    logging.getLogger("kwsd").addHandler(_Collecting(warnings))
    try:
        said = {"devices": [asdict(device) for device in input_devices()]}
    except KwsdError as error:
        said = {"what": error.args[0], "remedy": error.remedy}
    said["log"] = warnings
    with os.fdopen(pipe, "w", encoding="utf-8") as answer:
        json.dump(said, answer)

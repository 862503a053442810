"""The microphones that there are, found by a process of its own: PortAudio's libraries may abort, and have no time-out.

`kwsd devices` and `kwsd doctor` are asked where something is broken; they have to outlive it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from kwsd.audio.apart import HANGS, command, die_with, ending
from kwsd.audio.devices import InputDevice, input_devices
from kwsd.errors import DeviceError, KwsdError

LIMIT_S = 30.0
"""Longer than the sound server takes that is about to start."""


def probed_devices() -> list[InputDevice]:
    """`input_devices`, from another process.

    Raises DeviceError as that does, and where it dies or is silent for `LIMIT_S` seconds.
    """
    try:
        done = subprocess.run(
            command("probing"), stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"no list of microphones in {LIMIT_S:g} s;", HANGS) from error
    except OSError as error:
        raise DeviceError(f"the process that lists microphones cannot be started: {error.strerror}") from error
    if done.returncode:
        how, remedy = ending(done.returncode)
        last = done.stderr.decode(errors="replace").splitlines()[-1:]  # a traceback's; who aborts may say nothing
        raise DeviceError(f"microphones cannot be listed ({', '.join([*last, how])})", remedy)
    said = json.loads(done.stdout)
    if "what" in said:
        raise DeviceError(said["what"], said["remedy"])
    return [InputDevice(**device) for device in said["devices"]]


def main() -> None:
    """In that process: all on standard output, as JSON."""
    die_with(int(sys.argv[1]))
    pipe = os.dup(1)
    os.dup2(2, 1)  # what a C library prints must not get before it
    said: dict[str, Any]
    try:
        said = {"devices": [asdict(device) for device in input_devices()]}
    except KwsdError as error:
        said = {"what": error.args[0], "remedy": error.remedy}
    with os.fdopen(pipe, "w", encoding="utf-8") as answer:
        json.dump(said, answer)

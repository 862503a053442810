"""The microphones that there are, found by a process of its own: PortAudio's libraries may abort, and have no time-out.

`kwsd devices` and `kwsd doctor` are asked where something is broken; they have to outlive it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

from kwsd.audio.capture.apart import HANGS, answering, command, ending
from kwsd.audio.capture.devices import InputDevice, input_devices
from kwsd.errors import DeviceError, KwsdError

LIMIT_S = 30.0
"""Longer than the sound server takes that is about to start."""


def probed_devices() -> list[InputDevice]:
    """`input_devices`, from another process.

    Raises DeviceError as that does, and where it dies or is silent for `LIMIT_S` seconds.
    """
    try:
        done, said, log = _run()
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"no list of microphones in {LIMIT_S:g} s;", HANGS) from error
    except OSError as error:
        raise DeviceError(f"the process that lists microphones cannot be started: {error.strerror}") from error
    if done:
        how, remedy = ending(done)
        last = log.decode(errors="replace").splitlines()[-1:]  # a traceback's; who aborts may say nothing
        raise DeviceError(f"microphones cannot be listed ({', '.join([*last, how])})", remedy)
    found = json.loads(said)
    if "what" in found:
        raise DeviceError(found["what"], found["remedy"])
    return [InputDevice(**device) for device in found["devices"]]


def _run() -> tuple[int, bytes, bytes]:
    """How the process ended, and what it wrote. Into memory, not a pipe: that ends with the last who holds it, and a
    library may leave a sound server behind. Raises OSError and TimeoutExpired."""
    with _memory("said") as said, _memory("log") as log:
        done = subprocess.run(
            command("probing"), stdin=subprocess.DEVNULL, stdout=said, stderr=log, timeout=LIMIT_S, check=False
        )
        said.seek(0)
        log.seek(0)
        return done.returncode, said.read(), log.read()


def _memory(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC), "r+b")


def main() -> None:
    """In that process: all on standard output, as JSON."""
    pipe = answering(int(sys.argv[1]))
    said: dict[str, Any]
    try:
        said = {"devices": [asdict(device) for device in input_devices()]}
    except KwsdError as error:
        said = {"what": error.args[0], "remedy": error.remedy}
    with os.fdopen(pipe, "w", encoding="utf-8") as answer:
        json.dump(said, answer)

"""What kwsd uses of sounddevice, for the process that captures: the tests put it on its path under that name.

The file $FAKE_SOUND says, in JSON and at any moment anew, which devices there are and how they behave.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class PortAudioError(Exception):
    pass


def world() -> dict[str, Any]:
    return json.loads(Path(os.environ["FAKE_SOUND"]).read_text())  # type: ignore[no-any-return]  # JSON


_devices = world()["devices"]  # frozen when PortAudio is loaded, as in life
default = SimpleNamespace(device=(0, -1))
if world().get("crashes"):
    os._exit(3)
while world().get("hangs") == "probing":
    time.sleep(0.01)


def query_devices() -> list[dict[str, Any]]:
    if world().get("fault"):
        raise AssertionError("as nobody foresaw it")
    rate = float(world().get("rate", 16_000))
    return [{"name": name, "max_input_channels": 1, "default_samplerate": rate, "hostapi": 0} for name in _devices]


def query_hostapis() -> list[dict[str, Any]]:
    return [{"name": "ALSA", "default_input_device": 0}]


class RawInputStream:
    def __init__(
        self, *, samplerate: int, blocksize: int, device: int, callback: Any, finished_callback: Any, **_: Any
    ):
        if _devices[device] not in world()["devices"]:
            raise PortAudioError("Device unavailable", -9985)
        if samplerate != world().get("rate", samplerate):
            raise PortAudioError("Invalid sample rate", -9997)
        self.samplerate = float(samplerate)
        self._name, self._frames, self._callback, self._finished = (
            _devices[device],
            blocksize,
            callback,
            finished_callback,
        )

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def abort(self, *, ignore_errors: bool) -> None:
        """Nothing to stop: the process ends."""

    close = abort

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            due += self._frames / self.samplerate  # a device's clock does not wait for a busy machine
            time.sleep(max(0.0, due - time.monotonic()))
            now = world()
            if now.get("hangs") == "reading":
                continue
            if self._name not in now["devices"]:
                self._finished()
                return
            levels = (now["level"], -now["level"] if now.get("hums") else now["level"])
            block = b"".join(level.to_bytes(2, "little", signed=True) for level in levels) * self._frames
            block = block[: 2 * self._frames]
            status = SimpleNamespace(input_overflow=now.get("overflow", False))
            self._callback(block, self._frames, None, status)

"""A process that plays into the virtual microphone, and the time at which it does."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from contextlib import suppress

from kwsd.benchmark.children import PATIENCE_S, end
from kwsd.errors import DeviceError
from kwsd.samples import RATE

_CLOCK = re.compile(rb"Time: (\d+\.\d+) sec")


class Playing:
    """A process of pacat, with the sound server's playback time, which pacat prints twenty times a second."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._started: float | None = None
        self._told = threading.Event()
        self._last = b""
        self._reader = threading.Thread(target=self._read, name="bench-clock")
        self._reader.start()

    @property
    def started(self) -> float:
        """The monotonic time at which the server played the first sample. Raises DeviceError if it never does."""
        if not self._told.wait(PATIENCE_S) or self._started is None:
            raise DeviceError(f"the sound server plays nothing: {self._last.decode(errors='replace').strip()}")
        return self._started

    def wait_until(self, sample: int) -> None:
        """Wait until the server has played so many samples. Raises DeviceError if it stops before."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, self.started + sample / RATE - time.monotonic()))
        if self._process.returncode:
            raise DeviceError(f"the sound server stopped playing: {self._last.decode(errors='replace').strip()}")

    def stop(self) -> None:
        """End the process, if it has not ended by itself; a second call does nothing."""
        end(self._process)
        self._reader.join()
        assert self._process.stderr
        self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr
        while data := os.read(self._process.stderr.fileno(), 4096):
            now = time.monotonic()
            for told in _CLOCK.finditer(data):
                if float(told[1]) > 0:  # zero until it plays
                    began = now - float(told[1])  # too late if reading was delayed, so the earliest is right
                    self._started = began if self._started is None else min(began, self._started)
                    self._told.set()
            self._last = data
        self._told.set()

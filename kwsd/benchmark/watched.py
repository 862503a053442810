"""Watches a `kwsd listen` in a process of its own: its events, its memory, its processor time."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kwsd.errors import DeviceError

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from 3.11 on

_PATIENCE_S = 60.0

Figure = TypeVar("Figure")
Said = tuple[float, dict[str, Any]]
"""The monotonic time at which a line arrived, and its event."""


class Watched:
    """A process that starts when the context is entered.

    It gets samples on standard input, and must end at the end of its input, or by SIGTERM."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Without `env`, the process inherits this one's environment."""
        self._command, self._env = command, env
        self._said: queue.SimpleQueue[Said | None] = queue.SimpleQueue()
        self._log: deque[str] = deque(maxlen=1)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, env=self._env, stdin=pipe, stdout=pipe, stderr=pipe)
        process = self._process
        assert process.stdout
        assert process.stderr
        self._readers = [
            threading.Thread(target=self._read_events, args=(process.stdout,), name="bench-events"),
            threading.Thread(target=self._read_log, args=(process.stderr,), name="bench-log"),
        ]
        try:
            for reader in self._readers:
                reader.start()
        except BaseException:  # no thread can be started, or Ctrl-C: a reader that runs would wait for ever
            process.kill()
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._close()

    def _close(self) -> None:
        """Wait for the process, which ends, and close its pipes."""
        for reader in self._readers:
            if reader.ident is not None:  # it was started
                reader.join()
        with self._process:
            pass

    def ready_s(self) -> float:
        """Wait for READY; returns the seconds from the start. Raises DeviceError if READY never comes."""
        try:
            while (line := self._said.get(timeout=_PATIENCE_S)) is not None:
                if line[1]["type"] == "ready":
                    return line[0] - self._began
            self._readers[1].join()
        except queue.Empty:
            pass
        raise DeviceError(f"kwsd listen does not become ready: {''.join(self._log) or 'run it by itself to see why'}")

    def write(self, samples: NDArray[np.int16]) -> None:
        """Write (n,) samples to its standard input; if that is closed, nothing happens."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.write(samples.astype("<i2").tobytes())
            self._process.stdin.flush()

    def hang_up(self) -> None:
        """Close its standard input."""
        assert self._process.stdin
        with suppress(OSError):
            self._process.stdin.close()

    def stop(self) -> None:
        """Ask it to end by SIGTERM, as systemd does."""
        self._process.terminate()

    def lines(self) -> Iterator[Said]:
        """All its events until it ends. Raises DeviceError if it neither prints a line nor ends within a minute."""
        try:
            while (line := self._said.get(timeout=_PATIENCE_S)) is not None:
                yield line
        except queue.Empty:
            raise DeviceError("kwsd listen does not end") from None

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory now and at its peak, with that of its child processes. Raises DeviceError as `_each` does."""
        found = self._each(_memory_mb)
        return sum(now for now, _ in found), sum(most for _, most in found)

    def cpu_s(self) -> float:
        """Processor seconds of all live threads, with those of its child processes. Raises DeviceError as `_each`."""
        return sum(self._each(_cpu_s))

    def _each(self, ask: Callable[[int], Figure]) -> list[Figure]:
        """A figure of the process and of each live child, such as capture.

        Raises DeviceError if the process has ended, or the kernel does not tell the figure: 0 would pass for measured.
        """
        found, untold = [], None
        for pid in self._children():
            with suppress(OSError, KeyError):  # it has just ended
                found.append(ask(pid))
        try:
            found.append(ask(self._process.pid))
        except (OSError, KeyError) as error:
            untold = error
        if self._process.poll() is not None:
            self._readers[1].join(_PATIENCE_S)
            raise DeviceError(f"kwsd listen ended while it was measured: {''.join(self._log)}")
        if untold:
            raise DeviceError(
                f"this system does not tell what kwsd listen costs: {untold};",
                "mount /proc, or measure on another kernel",
            )
        return found

    def _children(self) -> Iterator[int]:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == self._process.pid:
                    yield int(stat.parent.name)

    def _read_events(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._said.put((time.monotonic(), json.loads(line)))
        self._said.put(None)

    def _read_log(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._log.append(line.decode(errors="replace").strip())


def _memory_mb(pid: int) -> tuple[float, float]:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(status[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))  # type: ignore[return-value]  # there are two


def _cpu_s(pid: int) -> float:
    spent_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError) if task.name != str(pid) else nullcontext():  # a thread may have just ended
            spent_ns += int((task / "schedstat").read_text().split()[0])
    return spent_ns / 1e9

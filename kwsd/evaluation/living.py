"""A daemon of its own, watched from outside: when it is ready, what it holds, and how late its words come."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.pacing import Pacer
from kwsd.errors import DeviceError
from kwsd.evaluation.truth import SpokenWord
from kwsd.events import RATE
from kwsd.metrics import percentiles

_BLOCK = RATE // 50
_PATIENCE_S = 60.0
_LATE = RATE
"""A word's detection may begin so much before or after the word itself."""

Said = tuple[float, dict[str, Any]]
"""When a line came, by the monotonic clock, and the event in it."""


@dataclass(frozen=True, slots=True)
class Life:
    """Start to READY with the interpreter's own start; resident memory after the audio, and at most.

    Where the audio was played in real time: processor seconds a second of speech and of silence, and milliseconds from
    a word's end to the arrival of its line (p50, p95, p99 of `heard` words); else None.
    """

    ready_s: float
    resident_mb: float
    peak_mb: float
    speech_cpu_per_second: float | None = None
    silence_cpu_per_second: float | None = None
    latency_ms: tuple[float, ...] | None = None
    heard: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def watch(
    arguments: Sequence[str],
    samples: NDArray[np.int16],
    words: Sequence[SpokenWord] = (),
    *,
    realtime: bool = False,
) -> Life:
    """Start `kwsd listen - ARGUMENTS`, pipe `samples` (n,) int16 to it, and a second of silence before them.

    Without `words`, a word ends where its detection says so. Raises DeviceError if it does not become ready.
    """
    command = [sys.executable, "-m", "kwsd", "listen", "-", "--events", "all", "--format", "json", *arguments]
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        said: queue.SimpleQueue[Said | None] = queue.SimpleQueue()
        readers = [
            threading.Thread(target=_read, args=(process.stdout, said), name="bench-events"),
            threading.Thread(target=process.stderr.read, name="bench-log"),
        ]
        for reader in readers:
            reader.start()
        try:
            _write(process.stdin, np.zeros(RATE, np.int16))
            ready = _wait_for_ready(said)
            life = _lived(process, samples, words, said, ready - began, realtime)
        finally:
            with suppress(OSError):
                process.stdin.close()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
            for reader in readers:
                reader.join()
    return life


def _lived(
    process: subprocess.Popen[bytes],
    samples: NDArray[np.int16],
    words: Sequence[SpokenWord],
    said: queue.SimpleQueue[Said | None],
    ready_s: float,
    realtime: bool,
) -> Life:
    assert process.stdin
    if not realtime:
        _write(process.stdin, samples)
        return Life(ready_s, *_memory(process.pid))
    before = _cpu_s(process.pid)
    started = _play(process.stdin, samples)
    between = _cpu_s(process.pid)
    _play(process.stdin, np.zeros_like(samples))
    after = _cpu_s(process.pid)
    memory = _memory(process.pid)
    process.stdin.close()
    late = _latencies(said, words, started)
    seconds = len(samples) / RATE
    return Life(
        ready_s, *memory, (between - before) / seconds, (after - between) / seconds, percentiles(late), len(late)
    )


def _latencies(said: queue.SimpleQueue[Said | None], words: Sequence[SpokenWord], started: float) -> list[float]:
    """Milliseconds from the end of each word that was heard to its line; the stream began a second before `started`."""
    late = []
    while (line := said.get(timeout=_PATIENCE_S)) is not None:
        came, event = line
        if event["type"] != "detection":
            continue
        start = round(event["start_s"] * RATE) - RATE
        ends = [w.end for w in words if w.word == event["word"] and abs(w.start - start) < _LATE]
        if ends or not words:
            end = ends[0] if ends else round(event["end_s"] * RATE) - RATE
            late.append(1000 * (came - started - end / RATE))
    return late


def _wait_for_ready(said: queue.SimpleQueue[Said | None]) -> float:
    try:
        while (line := said.get(timeout=_PATIENCE_S)) is not None:
            if line[1]["type"] == "ready":
                return line[0]
    except queue.Empty:
        pass
    raise DeviceError("kwsd listen does not become ready: run it by itself to see why")


def _read(stream: IO[bytes], said: queue.SimpleQueue[Said | None]) -> None:
    for line in stream:
        said.put((time.monotonic(), json.loads(line)))
    said.put(None)


def _write(stream: IO[bytes], samples: NDArray[np.int16]) -> None:
    with suppress(BrokenPipeError):
        stream.write(samples.astype("<i2").tobytes())
        stream.flush()


def _play(stream: IO[bytes], samples: NDArray[np.int16]) -> float:
    """Write as late as a microphone would; the monotonic time of the first sample."""
    started, pacer = time.monotonic(), Pacer(threading.Event())
    for start in range(0, len(samples), _BLOCK):
        block = samples[start : start + _BLOCK]
        pacer.wait(len(block))
        _write(stream, block)
    return started


def _memory(pid: int) -> tuple[float, float]:
    """Resident memory now, and the most there was, in MB."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(status[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def _cpu_s(pid: int) -> float:
    """Processor seconds of all threads that live."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

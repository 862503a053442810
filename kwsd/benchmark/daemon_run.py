"""Runs a daemon and watches it from outside: its time to READY, its memory, its cost and its latency."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.realtime import RealtimePacer
from kwsd.benchmark.children import tied
from kwsd.benchmark.sound_server import DEVICE, VirtualMicrophone
from kwsd.benchmark.watched import Said, Watched
from kwsd.errors import DeviceError
from kwsd.evaluation.statistics import percentiles
from kwsd.evaluation.truth import SpokenWord
from kwsd.isolated import isolated
from kwsd.samples import RATE

_BLOCK = RATE // 50
_LATE = RATE
"""The greatest distance, in samples, between the start of a word and that of its detection."""
_LATE_S = 2.0
"""The greatest distance, in seconds, between a word's end and its line, where the daemon's sample count is unknown."""

Heard = tuple[SpokenWord, float]
"""A word, and the milliseconds from its end to the arrival of its line."""


@dataclass(frozen=True, slots=True)
class DaemonRun:
    """The figures of one daemon: seconds to READY, with the interpreter's start; resident memory at the end and peak.

    The following are None unless the audio was played in real time: processor seconds per second of speech and of
    silence, and `latency_ms` from a word's end to the arrival of its line (p50, p95, p99 of the `heard` words; None if
    there are none). `spoken` is the number of words to be heard, None if they are not known. At a virtual microphone,
    memory and processor time include the capture process, and latency counts from when the sound server mixed the
    word's end, up to `block_ms` before its clock plays it.
    """

    ready_s: float
    resident_mb: float
    peak_mb: float
    speech_cpu_per_second: float | None = None
    silence_cpu_per_second: float | None = None
    latency_ms: tuple[float, ...] | None = None
    heard: int = 0
    spoken: int | None = None
    block_ms: float | None = None
    words: tuple[SpokenWord, ...] = ()
    """The words that were heard."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = asdict(self)
        del found["words"]
        if self.block_ms is None:
            del found["block_ms"]
        return found


def watch(
    arguments: Sequence[str],
    samples: NDArray[np.int16],
    words: Sequence[SpokenWord] = (),
    *,
    realtime: bool = False,
) -> DaemonRun:
    """Start `kwsd listen - ARGUMENTS`, and pipe a second of silence and `samples` (n,) int16 to it.

    With `realtime` they are written at the speed of speech, and as much silence after them. Without `words`, a word's
    end is that of its detection. Raises DeviceError if the daemon does not become ready.
    """
    with Watched(_listen("-", *arguments)) as daemon:
        daemon.write(np.zeros(RATE, np.int16))
        ready_s = daemon.ready_s()
        if not realtime:
            daemon.write(samples)
            return DaemonRun(ready_s, *daemon.memory_mb())
        cpu = [daemon.cpu_s()]
        started = _play(daemon, samples)
        cpu.append(daemon.cpu_s())
        _play(daemon, np.zeros_like(samples))
        cpu.append(daemon.cpu_s())
        memory = daemon.memory_mb()
        daemon.hang_up()
        heard = list(_heard(daemon.lines(), words, started))
    return _life(ready_s, memory, cpu, samples, words, heard)


def watch_microphone(
    arguments: Sequence[str],
    samples: NDArray[np.int16],
    words: Sequence[SpokenWord],
    microphone: VirtualMicrophone,
) -> DaemonRun:
    """Start `kwsd listen ARGUMENTS` at a virtual microphone, and play `samples` (n,) int16, then silence, into it.

    Raises DeviceError if the daemon does not become ready, or the sound server does not play.
    """
    command = tied(_listen("--microphone", DEVICE, "--no-socket", *arguments))
    with microphone.awake() as let_sleep, Watched(command, microphone.env) as daemon:
        try:
            ready_s = daemon.ready_s()
            let_sleep()
            lead, silence = np.zeros(RATE, np.int16), np.zeros_like(samples)
            with microphone.play(np.concatenate([lead, samples, silence])) as playing:
                cpu = []
                for position in (RATE, RATE + len(samples), RATE + 2 * len(samples)):
                    playing.wait_until(position)
                    cpu.append(daemon.cpu_s())
                memory, block_s = daemon.memory_mb(), microphone.block_s()
                started = playing.started + 1.0 - block_s
        except DeviceError as error:
            raise DeviceError(f"{error} (a virtual microphone takes libportaudio2 and libasound2-plugins)") from error
        finally:
            daemon.stop()
        heard = list(_heard_when(daemon.lines(), words, started))
    return _life(ready_s, memory, cpu, samples, words, heard, 1000 * block_s)


def _listen(*arguments: str) -> list[str]:
    # Not by -m, which would import a kwsd or a json.py of the working directory, whoever put it there.
    code = "from kwsd.cli import main; sys.exit(main())"
    return isolated(code, "listen", *arguments, "--events", "all", "--format", "json")


def _life(
    ready_s: float,
    memory: tuple[float, float],
    cpu: Sequence[float],
    samples: NDArray[np.int16],
    words: Sequence[SpokenWord],
    heard: Sequence[Heard],
    block_ms: float | None = None,
) -> DaemonRun:
    speech, silence = np.diff(cpu) * RATE / len(samples)
    late = percentiles([late for _, late in heard]) if heard else None
    resident_mb, peak_mb = memory
    return DaemonRun(
        ready_s=ready_s,
        resident_mb=resident_mb,
        peak_mb=peak_mb,
        speech_cpu_per_second=float(speech),
        silence_cpu_per_second=float(silence),
        latency_ms=late,
        heard=len(heard),
        spoken=len(words) or None,
        block_ms=block_ms,
        words=tuple(word for word, _ in heard),
    )


def _heard(said: Iterator[Said], words: Sequence[SpokenWord], started: float) -> Iterator[Heard]:
    """The words that were heard, each once, with their latencies; the stream began a second before `started`."""
    left = list(words)
    for came, event in said:
        if event["type"] == "detection":
            start, end = (round(event[key] * RATE) - RATE for key in ("start_s", "end_s"))
            near = [w for w in left if w.word == event["word"] and abs(w.start - start) < _LATE]
            if near:
                word = min(near, key=lambda w: abs(w.start - start))
                left.remove(word)
            elif words:
                continue
            else:
                word = SpokenWord(start, end, event["word"])
            yield word, 1000 * (came - started - word.end / RATE)


def _heard_when(said: Iterator[Said], words: Sequence[SpokenWord], started: float) -> Iterator[Heard]:
    """The words that were heard at a microphone, with their latencies, matched by arrival times alone.

    The daemon's sample count does not help: it starts when the daemon opens the device."""
    left = list(words)
    for came, event in said:
        if event["type"] == "detection":
            late = [(came - started - w.end / RATE, w) for w in left if w.word == event["word"]]
            for late_s, word in sorted(late, key=lambda pair: abs(pair[0]))[:1]:
                if abs(late_s) < _LATE_S:
                    left.remove(word)
                    yield word, 1000 * late_s


def _play(daemon: Watched, samples: NDArray[np.int16]) -> float:
    """Write samples at the pace of a microphone; returns the monotonic time of the first one."""
    started, pacer = time.monotonic(), RealtimePacer(threading.Event())
    for start in range(0, len(samples), _BLOCK):
        block = samples[start : start + _BLOCK]
        pacer.wait(len(block))
        daemon.write(block)
    return started

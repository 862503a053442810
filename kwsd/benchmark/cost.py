"""What listening costs: processor time, wall time and memory, on the daemon's own path."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.benchmark.inline_path import InlinePath
from kwsd.errors import InputError
from kwsd.evaluation.pipeline import SamplesSource, windows_of
from kwsd.evaluation.statistics import percentiles
from kwsd.samples import RATE
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.spotting.spotter import Spotter

Samples = NDArray[np.int16]

BLOCK = RATE // 50
"""Samples that come at once, as from a microphone."""
_TRACED = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of sound, `seconds` of it: processor seconds a second, the share of windows that were scored, wall
    milliseconds a look at the audio (p50, p95, p99), and what Python and numpy allocate at most from one hop to the
    next (ONNX Runtime's and torch's own memory is not seen)."""

    sound: str
    seconds: float
    cpu_per_second: float
    scored_share: float
    look_ms: tuple[float, ...]
    allocated_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def sounds(
    speech: Samples, seconds: float, gate: GateSettings, *, words: Samples | None = None
) -> Mapping[str, Samples]:
    """Speech all the time, half of the time, silence, steady noise: (n,) int16 each, by name; `words` on request.

    The speech is what opens the gate of `speech`, over and over. So are the words, which cost more if the model knows
    them: windows that hold a word are all scored.

    Raises:
        InputError: there is nothing that opens it.
    """
    length = round(seconds * RATE)
    talk = _spoken(speech, length, gate)
    half = talk.copy()
    half[length // 2 :] = 0
    noise = np.random.default_rng(0).normal(0, 300, length).astype(np.int16)
    found = {"speech": talk, "half": half, "silence": np.zeros(length, np.int16), "noise": noise}
    return found if words is None else found | {"words": _spoken(words, length, gate)}


def _spoken(samples: Samples, length: int, gate: GateSettings) -> Samples:
    """What opens the gate, over and over, (length,)."""
    opened, judge = [], Gate(gate)
    for start in range(0, len(samples), BLOCK):
        piece = samples[start : start + BLOCK]
        if judge.feed(piece):
            opened.append(piece)
    if not opened:
        raise InputError("the recording holds nothing that the gate takes for speech: name another")
    return np.resize(np.concatenate(opened), length)


def cost(
    sound: str,
    samples: Samples,
    fresh: Callable[[], Spotter],
    *,
    hop: int,
    window: int = RATE,
) -> Cost:
    """Feed `samples` (n,) to a `fresh` spotter as a microphone would, hop by hop, without waiting; it looks when the
    daemon would. `window` of them are heard at once."""
    spotter = fresh()
    path, walls, hops = InlinePath(spotter, hop=hop, window=window), [], len(samples) // hop
    began = time.process_time()
    for piece in _hops(samples, hop):
        at = time.perf_counter()
        if _hear(path, piece):
            walls.append(1000 * (time.perf_counter() - at))
    spent = time.process_time() - began
    seconds = hops * hop / RATE
    return Cost(
        sound=sound,
        seconds=seconds,
        cpu_per_second=spent / seconds,
        scored_share=spotter.scored / hops,
        look_ms=percentiles(walls),
        allocated_bytes=_allocated(samples, fresh(), hop, window),
    )


def _allocated(samples: Samples, spotter: Spotter, hop: int, window: int) -> int:
    """The most that is allocated during a hop, over a few; apart, because to trace it costs much."""
    most, path = 0, InlinePath(spotter, hop=hop, window=window)
    tracemalloc.start()
    try:
        for number, piece in enumerate(_hops(samples[: _TRACED * hop], hop)):
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            _hear(path, piece)
            if number:  # the first one makes what stays
                most = max(most, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return most


def _hops(samples: Samples, hop: int) -> Iterator[Samples]:
    """The samples, as many whole hops as there are."""
    for start in range(0, len(samples) // hop * hop, hop):
        yield samples[start : start + hop]


def _hear(path: InlinePath, samples: Samples) -> bool:
    """Take them block by block; whether it was time for a look."""
    return sum(path.hear(samples[at : at + BLOCK]) for at in range(0, len(samples), BLOCK)) > 0


def times_real_time(samples: Samples, spotter: Spotter, *, hop: int, window: int = RATE) -> float:
    """How many seconds of a recording are heard in a second, by the wall clock, in batches as `kwsd listen FILE`."""
    source = SamplesSource("bench", samples)
    began = time.perf_counter()
    for batch in windows_of(source, hop=hop, length=window, batch=spotter.batch):
        spotter.feed(batch)
    return len(samples) / RATE / (time.perf_counter() - began)

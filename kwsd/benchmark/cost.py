"""Measures the cost of listening on the daemon's own path: processor time, wall time and memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwsd.benchmark.inline_path import InlinePath
from kwsd.classifier import Classifier
from kwsd.errors import InputError
from kwsd.evaluation.pipeline import SamplesSource, windows_of
from kwsd.evaluation.statistics import percentiles
from kwsd.samples import RATE
from kwsd.spotting.gate import Gate, GateSettings
from kwsd.spotting.settings import SpottingSettings

Samples = NDArray[np.int16]

BLOCK = RATE // 50
"""Samples in one block, as from a microphone."""
_TRACED = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one kind of sound, `seconds` long.

    `cpu_per_second` is in processor seconds, `scored_share` the share of windows that were scored, and `look_ms` the
    wall milliseconds of a look at the audio (p50, p95, p99). `allocated_bytes` is the most that Python and numpy
    allocate within one hop; the memory of ONNX Runtime and torch is not included."""

    sound: str
    seconds: float
    cpu_per_second: float
    scored_share: float
    look_ms: tuple[float, ...]
    allocated_bytes: int


def sounds(
    speech: Samples, seconds: float, gate: GateSettings, *, words: Samples | None = None
) -> Mapping[str, Samples]:
    """Test sounds by name, (n,) int16 each: "speech", "half" of it, "silence", steady "noise", and "words" if given.

    Speech is those parts of `speech` that open the gate, repeated; likewise the words, which cost more if the model
    knows them, as all windows that hold a word are scored.

    Raises:
        InputError: nothing in `speech` or `words` opens the gate.
    """
    length = round(seconds * RATE)
    talk = _spoken(speech, length, gate)
    half = talk.copy()
    half[length // 2 :] = 0
    noise = np.random.default_rng(0).normal(0, 300, length).astype(np.int16)
    found = {"speech": talk, "half": half, "silence": np.zeros(length, np.int16), "noise": noise}
    return found if words is None else found | {"words": _spoken(words, length, gate)}


def _spoken(samples: Samples, length: int, gate: GateSettings) -> Samples:
    """The blocks that open the gate, repeated to (length,). Raises InputError if there are none."""
    opened, judge = [], Gate(gate)
    for start in range(0, len(samples), BLOCK):
        piece = samples[start : start + BLOCK]
        if judge.feed(piece):
            opened.append(piece)
    if not opened:
        raise InputError("the gate finds no speech in the recording: name another")
    return np.resize(np.concatenate(opened), length)


def cost(sound: str, samples: Samples, classifier: Classifier, settings: SpottingSettings) -> Cost:
    """Feed `samples` (n,) to a new spotter hop by hop, as a microphone would, but without waiting.

    It looks at the audio whenever the daemon would."""
    hop = settings.hop
    path, walls, hops = InlinePath(classifier, settings), [], len(samples) // hop
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
        scored_share=path.spotter.scored / hops,
        look_ms=percentiles(walls),
        allocated_bytes=_allocated(samples, classifier, settings),
    )


def _allocated(samples: Samples, classifier: Classifier, settings: SpottingSettings) -> int:
    """The most bytes that are allocated within a hop, over a few hops; measured separately, as tracing is slow."""
    most, hop = 0, settings.hop
    path = InlinePath(classifier, settings)
    tracemalloc.start()
    try:
        for number, piece in enumerate(_hops(samples[: _TRACED * hop], hop)):
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            _hear(path, piece)
            if number:  # the first hop makes lasting allocations
                most = max(most, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return most


def _hops(samples: Samples, hop: int) -> Iterator[Samples]:
    """The samples in whole hops; an incomplete last one is dropped."""
    for start in range(0, len(samples) // hop * hop, hop):
        yield samples[start : start + hop]


def _hear(path: InlinePath, samples: Samples) -> bool:
    """Feed samples block by block; returns whether the path looked at the audio."""
    return sum(path.hear(samples[at : at + BLOCK]) for at in range(0, len(samples), BLOCK)) > 0


def times_real_time(samples: Samples, classifier: Classifier, settings: SpottingSettings) -> float:
    """The seconds of audio that are processed in a second of wall time, in batches as by `kwsd listen FILE`."""
    source, spotter = SamplesSource("bench", samples), settings.spotter(classifier)
    began = time.perf_counter()
    for batch in windows_of(source, hop=settings.hop, length=settings.window, batch=spotter.batch):
        spotter.feed(batch)
    return len(samples) / RATE / (time.perf_counter() - began)

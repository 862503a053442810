"""The results of `kwsd bench`: the figures of each engine, and of the daemons that it ran."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.benchmark.cost import Cost
from kwsd.benchmark.daemon_run import DaemonRun
from kwsd.benchmark.throughput import Rate
from kwsd.evaluation.report import Table

if TYPE_CHECKING:
    from kwsd.networks.roofline import Bound  # which takes torch


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """One engine's figures.

    `rates` are its throughput with many windows at once; streams have a window every `hop` samples. `bound` is the
    limit of its device, None if that is not known."""

    name: str
    device: str
    load_s: float
    times_real_time: float
    costs: tuple[Cost, ...]
    hop: int
    rates: tuple[Rate, ...] = ()
    bound: Bound | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "engine": self.name,
            "device": self.device,
            "load_s": self.load_s,
            "times_real_time": self.times_real_time,
            "sounds": [asdict(cost) for cost in self.costs],
            "rates": [rate.to_dict(self.hop) for rate in self.rates],
            "bound": self.bound and self.bound.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Bench:
    """All that was measured."""

    model: str
    recording: str
    engines: tuple[EngineFigures, ...]
    life: DaemonRun
    live: DaemonRun | None = None
    """The daemon at a virtual microphone, if one was asked for."""

    def tables(self) -> tuple[Table, ...]:
        """Tables of the costs, of the engines' loading and speed, of throughput, and of the daemons."""
        columns = ("engine", "sound", "cpu s/s", "ratio", "scored", "look ms p50/95/99", "allocated")
        first = {cost.sound: cost.cpu_per_second for cost in self.engines[0].costs}
        costs = tuple(
            (
                engine.name, cost.sound, f"{cost.cpu_per_second:.5f}",
                f"{cost.cpu_per_second / first[cost.sound]:.2f}" if first[cost.sound] else "",
                f"{cost.scored_share:.0%}", _joined(cost.look_ms, 2), f"{cost.allocated_bytes / 1000:.0f} kB",
            )
            for engine in self.engines for cost in engine.costs
        )  # fmt: skip
        engines = tuple((e.name, e.device, f"{e.load_s:.2f} s", f"{e.times_real_time:.0f}") for e in self.engines)
        return (
            Table(f"Cost of {self.model}, {self.recording}", columns, costs),
            Table("Engines", ("engine", "device", "loaded in", "times real time"), engines),
            *self._rates(),
            _daemons({"by a pipe": self.life} | ({"virtual microphone": self.live} if self.live else {})),
        )

    def _rates(self) -> tuple[Table, ...]:
        """The throughput of many windows at once, as a share of the device's limit, and that limit."""
        columns = ("engine", "windows at once", "windows a second", "streams in real time", "of the device's limit")
        rates = tuple(
            (
                engine.name, f"{rate.at_once}", f"{rate.windows_per_second:.0f}", f"{rate.streams(engine.hop):.0f}",
                f"{rate.windows_per_second / engine.bound.windows_per_second:.1%}" if engine.bound else "",
            )
            for engine in self.engines for rate in engine.rates
        )  # fmt: skip
        limits = tuple(
            (
                engine.name, f"{bound.windows_per_second:.0f}", bound.set_by, f"{bound.flops / 1e6:.0f} MFLOP",
                f"{bound.moved_bytes / 1e6:.1f} MB", f"{bound.flops_per_second / 1e9:.0f} GFLOP/s",
                f"{bound.bytes_per_second / 1e9:.0f} GB/s",
            )
            for engine in self.engines if (bound := engine.bound)
        )  # fmt: skip
        named = ("engine", "windows a second", "set by", "a window's work", "a window's data", "device", "its memory")
        return (
            Table("Many windows at once, without a verifier", columns, rates),
            *([Table("The device's limit", named, limits)] if limits else []),
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": "bench",
            "model": self.model,
            "machine": {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()},
            "recording": self.recording,
            "engines": [engine.to_dict() for engine in self.engines],
            "daemon": self.life.to_dict(),
        } | ({"virtual_microphone": self.live.to_dict()} if self.live else {})


def _daemons(lives: Mapping[str, DaemonRun]) -> Table:
    """The figures of daemons side by side."""
    rows: dict[str, list[str]] = {}
    for life in lives.values():
        rows.setdefault("start to READY", []).append(f"{life.ready_s:.2f} s")
        rows.setdefault("resident memory; at most", []).append(f"{life.resident_mb:.0f} MB; {life.peak_mb:.0f} MB")
        if life.speech_cpu_per_second is None:
            continue
        words = f"{life.heard}{'' if life.spoken is None else f' of {life.spoken}'} words"
        late = "none heard" if life.latency_ms is None else f"{_joined(life.latency_ms, 0)} ms ({words})"
        rows.setdefault("processor seconds a second of the recording", []).append(f"{life.speech_cpu_per_second:.5f}")
        rows.setdefault("the same of silence", []).append(f"{life.silence_cpu_per_second:.5f}")
        rows.setdefault("word's end to event, p50/95/99", []).append(late)
    return Table("Daemon", ("figure", *lives), tuple((figure, *values) for figure, values in rows.items()))


def _joined(numbers: tuple[float, ...], digits: int) -> str:
    return ", ".join(f"{number:.{digits}f}" for number in numbers)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())

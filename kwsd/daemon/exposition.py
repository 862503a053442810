"""The counters in Prometheus' text format.

It is written by hand: the client library would add registries and collectors for figures that are already counted, and
a web server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Sample = tuple[str, Mapping[str, str], float]


def exposition(snapshot: Mapping[str, Any]) -> str:
    """A snapshot of `Counters` as a page for Prometheus: `kwsd_` names, base units, `_total` for counters."""
    streams: Mapping[str, Mapping[str, Any]] = snapshot["streams"]
    lines: list[str] = []

    def add(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> None:
        lines.extend([f"# HELP kwsd_{name} {text}", f"# TYPE kwsd_{name} {kind}"])
        lines.extend(_line(name + suffix, labels, value) for suffix, labels, value in samples)

    def total(name: str, text: str, value: float) -> None:
        add(name, "counter", text, [("", {}, value)])

    def by_stream(name: str, kind: str, text: str, values: Mapping[str, float]) -> None:
        add(name, kind, text, [("", {"stream": stream}, value) for stream, value in values.items()])

    def by_word(name: str, text: str, counts: Mapping[str, int]) -> None:
        # From 0 on: of a counter that begins with 1, Prometheus does not see the first increase.
        told = {**dict.fromkeys(snapshot["words"], 0), **counts}
        add(name, "counter", text, [("", {"word": word}, count) for word, count in sorted(told.items())])

    about = {"version": snapshot["version"], "model": snapshot["model"], "device": snapshot["device"]}
    add("info", "gauge", "What runs here.", [("", about, 1)])
    add("uptime_seconds", "gauge", "Since the daemon was started.", [("", {}, snapshot["uptime_s"])])
    audio = {stream: values["audio_s"] for stream, values in streams.items()}
    by_stream("audio_seconds_total", "counter", "Audio that was numbered, lost audio included.", audio)
    lost = {stream: float(values["lost"]) for stream, values in streams.items()}
    by_stream("device_lost", "gauge", "1 while the microphone is lost.", lost)
    hops = {stream: values["hop_ms"] / 1000 for stream, values in streams.items()}
    by_stream("hop_seconds", "gauge", "From one window to the next.", hops)
    levels = {stream: _level(values["level_dbfs"]) for stream, values in streams.items() if not values["lost"]}
    text = "Level of the newest second, in dB re full scale; missing while the microphone is lost."
    by_stream("level_dbfs", "gauge", text, levels)
    by_word("detections_total", "Words heard.", snapshot["detections"])
    by_word("near_misses_total", "Words that came close to firing and did not.", snapshot["near_misses"])
    total("windows_scored_total", "Windows that the classifier scored.", snapshot["windows_scored"])
    total("windows_gated_total", "Windows that the gate kept from it.", snapshot["windows_gated"])
    spared = "Windows that could not matter, as their neighbours' scores told."
    total("windows_spared_total", spared, snapshot["windows_spared"])
    if "windows_verified" in snapshot:
        text = "Windows that the verifier was asked about, too."
        total("windows_verified_total", text, snapshot["windows_verified"])
    add("inference_seconds", "histogram", "What scoring a batch of windows took.", _histogram(snapshot))
    text = "Seconds of scoring for a second of audio, since the start."
    add("real_time_factor", "gauge", text, [("", {}, snapshot["real_time_factor"])])
    total("audio_lost_seconds_total", "Audio that was never scored.", snapshot["audio_lost_s"])
    total("overflows_total", "How often a microphone dropped audio that was not taken in time.", snapshot["overflows"])
    total("device_losses_total", "How often a microphone was lost.", snapshot["device_losses"])
    total("hook_runs_total", "Hooks that ran.", snapshot["hook_runs"])
    total("hook_failures_total", "Hooks that failed, timed out or were dropped.", snapshot["hook_failures"])
    add("subscribers", "gauge", "Subscribers at the socket.", [("", {}, snapshot["subscribers"])])
    return "\n".join(lines) + "\n"


def _histogram(snapshot: Mapping[str, Any]) -> Iterator[_Sample]:
    for bound, count in snapshot["inference_buckets"].items():
        yield "_bucket", {"le": bound}, count
    yield "_bucket", {"le": "+Inf"}, snapshot["inference_batches"]
    yield "_sum", {}, snapshot["inference_s"]
    yield "_count", {}, snapshot["inference_batches"]


def _level(level: float | None) -> float:
    return float("-inf") if level is None else level


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    shown = "-Inf" if value == float("-inf") else f"{value:.15g}"
    return f"kwsd_{name}{'{' + inner + '}' if inner else ''} {shown}"


def _escaped(text: str) -> str:
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""The daemon's counters, for `kwsd status` and Prometheus."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from kwsd import __version__
from kwsd.audio.scale import FULL_SCALE
from kwsd.audio.windowing.ring import Ring
from kwsd.envelope import SCHEMA, Envelope
from kwsd.events import AudioLost, Detection, DeviceLost, DeviceRestored, HookFinished, HopChanged, NearMiss
from kwsd.samples import RATE, milliseconds

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the histogram of seconds that scoring a batch took."""


class Counters:
    """A sink that counts events; the worker and the rings supply the rest. Any thread may take a `snapshot`.

    No speaker or client can make it grow: words come from the model, streams from the operator.
    """

    def __init__(self, rings: Mapping[str, Ring], hop: int, *, words: Callable[[], Iterable[str]] = lambda: ()) -> None:
        """`hop` is the initial hop in samples; `words` gives the words that may fire now."""
        self._rings, self._may_fire = rings, words
        self._began = _since_boot_s()
        self._lock = threading.Lock()
        self._model = self._device = ""
        self._hop = hop
        self._hops: dict[str, int] = {}
        self._lost_streams: set[str] = set()
        self._words: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._inference_s = 0.0
        self._buckets = [0] * len(BUCKETS_S)
        self._subscribers = 0
        self._verified: int | None = None
        self._spared = 0

    def send(self, envelope: Envelope) -> None:
        """Count the event."""
        event, counts = envelope.event, self._counts
        with self._lock:
            if isinstance(event, Detection):
                self._words[event.word] += 1
            elif isinstance(event, NearMiss):
                self._missed[event.word] += 1
            elif isinstance(event, AudioLost):
                counts["lost_samples"] += event.samples
            elif isinstance(event, DeviceLost):
                counts["device_losses"] += 1
                self._lost_streams.add(event.stream)
            elif isinstance(event, DeviceRestored):
                self._lost_streams.discard(event.stream)
            elif isinstance(event, HopChanged):
                self._hops[event.stream] = event.hop
            elif isinstance(event, HookFinished):
                counts["hook_runs"] += event.ran
                counts["hook_failures"] += event.timed_out or event.exit_status != 0

    def set_subscribers(self, number: int) -> None:
        """Set the current number of subscribers at the socket."""
        self._subscribers = number

    def answer(self) -> bytes:
        """The snapshot as a line of JSON for a subscriber that asks for it, which is not counted itself."""
        counted = self.snapshot()
        counted["subscribers"] = max(0, counted["subscribers"] - 1)
        return json.dumps({"schema": SCHEMA, "type": "status", **counted}).encode() + b"\n"

    def loaded(self, model: str, device: str) -> None:
        """Note that the classifier is loaded, whether or not there is any audio."""
        with self._lock:
            self._model, self._device = model, device

    def heard(self, windows: int) -> None:
        """Count a batch of windows that the worker has processed, scored or not."""
        with self._lock:
            self._counts["windows"] += windows

    def set_kept_out(self, windows: int) -> None:
        """Set the total number of windows that the gate kept from the classifier."""
        with self._lock:
            self._counts["windows_gated"] = windows

    def scored(self, windows: int, seconds: float) -> None:
        """Count a batch of windows that the classifier scored in `seconds`."""
        with self._lock:
            self._counts["windows_scored"] += windows
            self._counts["batches"] += 1
            self._inference_s += seconds
            for place, bound in enumerate(BUCKETS_S):
                self._buckets[place] += seconds <= bound

    def set_verified(self, windows: int) -> None:
        """Set the total number of windows that the verifier was asked about; 0 notes that there is a verifier."""
        self._verified = windows

    def snapshot(self) -> dict[str, Any]:
        """All counters, in types that JSON has. Levels are in dBFS over the newest second.

        A level is None for digital silence, and while the microphone is lost, as that second is long past then.
        `words` may fire; `detections` and `near_misses` have only those that did or came close.
        `windows_spared` counts windows without a score, as those of their neighbours showed that it could not matter.
        `windows_verified` is left out if there is no verifier.
        """
        with self._lock:
            numbered = sum(ring.written for ring in self._rings.values())
            heard_s = max(0, numbered - self._counts["lost_samples"]) / RATE
            ungated = self._counts["windows"] - self._counts["windows_gated"]
            # A spared window may be scored later after all; the counter then stays as it is, as it must never fall.
            self._spared = max(self._spared, ungated - self._counts["windows_scored"])
            return {
                "version": __version__,
                "model": self._model,
                "device": self._device,
                "uptime_s": round(_since_boot_s() - self._began, 3),
                "streams": {
                    name: {
                        "audio_s": round(ring.written / RATE, 3),
                        "lost": name in self._lost_streams,
                        "hop_ms": milliseconds(self._hops.get(name, self._hop)),
                        "level_dbfs": None if name in self._lost_streams else level_dbfs(ring),
                    }
                    for name, ring in self._rings.items()
                },
                "words": sorted(self._may_fire()),
                "detections": dict(self._words),
                "near_misses": dict(self._missed),
                "windows_scored": self._counts["windows_scored"],
                "windows_gated": self._counts["windows_gated"],
                "windows_spared": self._spared,
                **({} if self._verified is None else {"windows_verified": self._verified}),
                "inference_s": round(self._inference_s, 6),
                "inference_batches": self._counts["batches"],
                "inference_buckets": dict(zip(map(str, BUCKETS_S), self._buckets, strict=True)),
                "real_time_factor": round(self._inference_s / heard_s, 6) if heard_s else 0.0,
                "audio_lost_s": round(self._counts["lost_samples"] / RATE, 4),
                "overflows": sum(ring.overflows for ring in self._rings.values()),
                "device_losses": self._counts["device_losses"],
                "hook_runs": self._counts["hook_runs"],
                "hook_failures": self._counts["hook_failures"],
                "subscribers": self._subscribers,
            }


def _since_boot_s() -> float:
    """Seconds since boot, including suspends: audio lost during a suspend has sample numbers, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def level_dbfs(ring: Ring) -> float | None:
    """The level of a ring's newest second in dB re full scale; None if it is all zeros, empty or overwritten.

    Samples that never arrived are zeros there, and do not count.
    """
    state = ring.state()
    start = max(0, state.written - RATE)
    newest = ring.read(start, state.written)
    if newest is None or not newest.any():
        return None
    arrived = len(newest) - sum(max(0, gap.stop - max(gap.start, start)) for gap in state.gaps)
    rms = math.sqrt(float(np.sum(np.square(newest, dtype=np.float64))) / arrived)
    return round(20 * math.log10(rms / FULL_SCALE), 1)

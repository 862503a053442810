"""Fakes for a daemon without microphone and network: ready-made sound, a classifier that hears noise, an output."""

from __future__ import annotations

import io
import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.source import Block
from kwsd.audio.windowing.ring import Ring
from kwsd.classifier import Classifier
from kwsd.config import Config, load_config
from kwsd.daemon.detection_keeper import DetectionKeeper
from kwsd.daemon.metrics_server import MetricsServer
from kwsd.zoo import ModelCard

LABELS = ("yes", "no", "_unknown_", "_silence_")


class FakeSource:
    """Gives `blocks`, then ends, fails with `error`, or, if `live`, waits until it is closed."""

    def __init__(
        self, blocks: Sequence[NDArray[np.int16]], *, live: bool = False, error: BaseException | None = None
    ) -> None:
        self.name = "desk"
        self.live = live
        self._blocks, self._error = blocks, error
        self._closed = threading.Event()

    def blocks(self) -> Iterator[Block]:
        for samples in self._blocks:
            if self._closed.is_set():
                return
            yield Block(samples)
        if self._error:
            raise self._error
        if self.live:
            self._closed.wait()

    def close(self) -> None:
        self._closed.set()


class LevelClassifier:
    """Hears "yes" in a window that is loud at its end, else silence."""

    labels = LABELS
    name = "tiny"
    device = "cpu"

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.zeros((len(windows), len(LABELS)), np.float32)
        loud = np.abs(windows[:, -1600:]).mean(axis=1) > 0.05
        scores[loud, 0] = 1
        scores[~loud, 3] = 1
        return scores


class FakeZoo:
    """One model, whose loading can be made to fail or to wait."""

    def __init__(self, load: Callable[[], Classifier] = LevelClassifier) -> None:
        self._load = load

    def read_card(self, name: str) -> ModelCard:
        return ModelCard(name, Path("/none"), LABELS, {"yes": 0.5, "no": 0.7}, "none", 0, {})

    def load_classifier(self, _: ModelCard, *, device: str) -> Classifier:
        assert device in ("auto", "cpu")
        return self._load()


@pytest.fixture
def zoo() -> FakeZoo:
    return FakeZoo()


@pytest.fixture
def make_zoo() -> Callable[[Callable[[], Classifier]], FakeZoo]:
    return FakeZoo


@pytest.fixture
def source() -> Callable[..., FakeSource]:
    """Makes sources: `source(2.0, 0.4, 1.0)` is 2 s of silence, 0.4 s of noise, 1 s of silence, in short blocks."""

    def make(*seconds: float, live: bool = False, error: BaseException | None = None) -> FakeSource:
        noise = np.random.default_rng(1)
        parts = [
            noise.normal(0, 8000 if place % 2 else 0, int(length * 16_000)).clip(-32_000, 32_000).astype(np.int16)
            for place, length in enumerate(seconds)
        ]
        samples = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        return FakeSource(np.array_split(samples, max(1, len(samples) // 320)), live=live, error=error)

    return make


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Makes configurations of overrides by key, for a machine without a file of its own; the gate is off."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))

    def make(overrides: dict[str, Any] | None = None) -> Config:
        return load_config(None, {"gate.enabled": False, "output.format": "json", **(overrides or {})}).config

    return make


class Output(io.StringIO):
    """Standard output that acts on what is written: on the first event of a type by its first act, and so on."""

    def __init__(self, **acts: Sequence[Callable[[], object]]) -> None:
        super().__init__()
        self._acts = {kind: iter(each) for kind, each in acts.items()}

    def write(self, text: str) -> int:
        count = super().write(text)
        for kind, acts in self._acts.items():
            if f'"type": "{kind}"' in text:
                next(acts, lambda: None)()
        return count

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


@pytest.fixture
def output() -> type[Output]:
    """Makes standard outputs: `output(ready=[subscribe], detection=[stop])`."""
    return Output


@pytest.fixture
def nothing_left_behind(children: Callable[[], set[int]]) -> Iterator[None]:
    """Neither threads nor handlers nor children survive a life of the daemon; the virtual microphone's server may."""
    before = children()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    threads = threading.enumerate()  # a classifier of another test keeps its own until the garbage is collected
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    left = [thread for thread in threading.enumerate() if thread not in threads]
    assert [thread.name for thread in left if thread.name.startswith("kwsd-")] == []
    assert children() <= before


@pytest.fixture
def ring() -> Ring:
    ring = Ring(80_000)
    ring.write(np.arange(70_000).astype(np.int16), wait=False)
    return ring


@pytest.fixture
def keep(ring: Ring, tmp_path: Path) -> Iterator[Callable[..., DetectionKeeper]]:
    """Makes keepers of the folder "kept"; none of them may fail."""
    failures: list[BaseException] = []
    made: list[DetectionKeeper] = []

    def make(**options: Any) -> DetectionKeeper:
        settings = {"quota_bytes": 1_000_000, "preroll": 16_000, "failed": failures.append, **options}
        made.append(DetectionKeeper(tmp_path / "kept", {"desk": ring}, **settings))
        return made[-1]

    yield make
    for keeper in made:
        keeper.close(60)
    assert failures == []


@pytest.fixture
def serve() -> Iterator[Callable[[str], MetricsServer]]:
    """Serves a page; the thread's failures fail the test."""
    failures: list[BaseException] = []
    servers: list[MetricsServer] = []

    def make(where: str) -> MetricsServer:
        servers.append(MetricsServer(where, lambda: "kwsd_up 1\n", failed=failures.append))
        return servers[-1]

    yield make
    for server in servers:
        server.close()
    assert failures == []

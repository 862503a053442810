"""The main loop: what it does with each batch, in which order, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import LIVE_BATCH
from kwsd.daemon.worker import Worker
from kwsd.events import Event, HopChanged, Ready, SpeechEnded, SpeechStarted
from kwsd.samples import RATE

HOP = 1600


class Told:
    """Whatever it is told goes to the trace: "watchdog.working"."""

    def __init__(self, name: str, trace: list[str]) -> None:
        self._name, self._trace = name, trace

    def __getattr__(self, what: str) -> Callable[..., None]:
        return lambda *_: self._trace.append(f"{self._name}.{what}")


class Spotter:
    """An event for the first window of each batch."""

    gated, span, batch = 0, 1, 5

    def __init__(self, trace: list[str], fails: bool = False) -> None:
        self._trace, self._fails = trace, fails

    def load(self, *_: object) -> None:
        self._trace.append("load")

    def feed(self, batch: list[Any]) -> list[SpeechStarted]:
        self._trace.append("feed")
        if self._fails:
            raise RuntimeError("a fault")
        return [SpeechStarted("desk", batch[0].end)]

    def end(self, heard: dict[str, int]) -> list[SpeechEnded]:
        assert heard == {"desk": 20 * HOP}
        return [SpeechEnded("desk", 20 * HOP)]


def hear(trace: list[str], *, fails: bool = False, stops: bool = False, live: Sequence[str] = ("desk",)) -> bool:
    """Twenty windows of a microphone, or else of a recording, in a worker that is told to stop after the first batch,
    or is not."""
    ring = Ring(64_000)
    ring.write(np.zeros(20 * HOP, np.int16), wait=False)
    ring.close()
    spotter: Any = Spotter(trace, fails)
    publish: Any = lambda event: trace.append(type(event).__name__)  # noqa: E731  # a publisher is called
    counters, watchdog, status = (Told(name, trace) for name in ("counters", "watchdog", "status"))
    worker = Worker(
        {"desk": ring}, spotter, publish=publish, counters=counters, watchdog=watchdog, status=status,  # type: ignore[arg-type]
    )  # fmt: skip
    engine: Any = SimpleNamespace(name="tiny", device="cpu", labels=("yes",), score=None)
    card: Any = SimpleNamespace(heard=16_000, about=16_000)

    def progressed() -> None:
        trace.append("progressed")
        if stops:
            worker.stop()

    return worker.hear(card, lambda: engine, hop=HOP, schedule=WakeSchedule(HOP), live=live, progressed=progressed)


def test_what_is_done_with_a_batch_and_in_which_order() -> None:
    trace: list[str] = []
    assert hear(trace)
    # Kept out before heard: what was spared is counted as what is left of both, and never falls.
    batch = ["watchdog.working", "feed", "SpeechStarted", "counters.set_kept_out", "counters.heard", "watchdog.worked"]
    batch.append("progressed")
    assert trace[: len(batch) + 4] == ["counters.loaded", "load", "Ready", "status.ready", *batch]
    rest = trace[len(batch) + 4 :]
    assert rest.pop() == "SpeechEnded"
    assert rest == batch * (len(rest) // len(batch))
    assert len(rest) >= len(batch)


def test_of_a_recording_come_as_many_windows_at_once_as_the_spotter_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.audio.windowing.windows.time", SimpleNamespace(monotonic=lambda: 0.0))  # scoring is quick
    trace: list[str] = []
    assert hear(trace, live=())
    assert trace.count("feed") == 5  # 20 windows, and 5 of what follows a stream's end


def test_nothing_is_heard_any_more_once_it_is_to_stop() -> None:
    trace: list[str] = []
    assert not hear(trace, stops=True)
    assert trace.count("feed") == 1
    assert trace[-1] == "SpeechEnded"  # who spoke then is heard no more, and subscribers are told


def test_a_fault_ends_the_loop_and_leaves_the_watchdog_hungry() -> None:
    trace: list[str] = []
    with pytest.raises(RuntimeError, match="a fault"):
        hear(trace, fails=True)
    assert trace[-2:] == ["watchdog.working", "feed"]


@pytest.mark.parametrize(("live", "batch"), [((), 30), (("desk",), LIVE_BATCH)])
def test_windows_are_cut_as_the_model_and_what_is_kept_need_them(
    live: Sequence[str], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("kwsd.daemon.worker.windows", lambda _, **options: given.update(options) or iter(()))
    told: Any = Told("", [])
    spotter: Any = SimpleNamespace(load=lambda *_: None, end=lambda _: [], batch=30)
    worker = Worker({}, spotter, publish=told.publish, counters=told, watchdog=told, status=told)
    engine: Any = SimpleNamespace(name="tiny", device="cpu", labels=("yes",), score=None)
    card: Any = SimpleNamespace(heard=32_000, about=16_000)
    options: Any = {"hop": 800, "schedule": WakeSchedule(800), "live": live, "keep": 700, "progressed": lambda: None}
    assert worker.hear(card, lambda: engine, **options)
    cut = {key: given[key] for key in ("length", "about", "keep", "batch", "hop")}
    assert cut == {"length": 32_000, "about": 16_000, "keep": 700, "batch": batch, "hop": 800}


class Batches:
    """A worker of the streams "a", a microphone, and "b", which is given these batches of windows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *batches: str, span: int | None = 1) -> None:
        """A batch is told by its streams, each a letter, of which it has a window."""
        self.published: list[Event] = []
        self.trace: list[str] = []
        self.adaptive: dict[str, Any] = {}
        self.schedule = WakeSchedule(800)
        cut = [[Window(stream, 800, np.zeros(8, np.int16), hop=800) for stream in streams] for streams in batches]
        monkeypatch.setattr(
            "kwsd.daemon.worker.windows", lambda _, **given: self.adaptive.update(given["adaptive"]) or iter(cut)
        )
        told: Any = Told("told", self.trace)
        spotter: Any = SimpleNamespace(
            load=lambda *_: None, feed=lambda _: [], end=lambda _: [], gated=0, batch=5, span=span
        )
        rings = {stream: Ring(8) for stream in "ab"}
        publish: Any = self.published.append
        self.worker = Worker(rings, spotter, publish=publish, counters=told, watchdog=told, status=told)

    def hear(
        self, load: Callable[[], Any] = lambda: SimpleNamespace(name="tiny", device="cpu", labels=("yes",))
    ) -> None:
        card: Any = SimpleNamespace(heard=32_000, about=8000)
        options: Any = {"hop": 800, "schedule": self.schedule, "live": ("a",)}
        self.worker.hear(card, load, progressed=lambda: self.trace.append("progressed"), **options)


def test_each_stream_is_ready_with_its_first_window_and_all_with_the_last_of_these(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = Batches(monkeypatch, "a", "aa", "b", "ab")
    given.hear()
    assert given.published == [Ready("a", "tiny", "cpu"), Ready("b", "tiny", "cpu")]
    told = [what for what in given.trace if what in ("told.ready", "progressed")]
    assert told == ["progressed", "progressed", "told.ready", "progressed", "progressed"]


@pytest.mark.parametrize(("span", "points"), [(None, (4800, True)), (1600, (1600, False))])
def test_the_next_wake_up_is_where_the_spotter_says(
    span: int | None, points: tuple[int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Batches(monkeypatch, "a", span=span)
    given.hear()
    assert (given.schedule.span, given.schedule.points.idle) == points


def test_a_wider_hop_is_told_and_is_no_wider_than_half_of_what_the_scores_are_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = Batches(monkeypatch)
    given.hear()
    seconds = range(2, 120)
    times = iter(seconds)
    monkeypatch.setattr(given.adaptive["a"], "_clock", lambda: next(times))
    for second in seconds:
        given.adaptive["a"].observe(second * RATE, (second - 2) * RATE)
    assert given.published == [HopChanged("a", 2 * RATE, 1600, 2 * RATE), HopChanged("a", 32 * RATE, 3200, 2 * RATE)]


def test_loading_has_ended_where_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise OSError("no model")

    given = Batches(monkeypatch, "a")
    assert not given.worker.loaded
    with pytest.raises(OSError, match="no model"):
        given.hear(load)
    assert given.worker.loaded
    assert given.trace == []

"""The body of the worker's thread: loads the model, then turns windows into events until there is no more audio."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping

from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.adaptive_hop import AdaptiveHop
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.window import Window
from kwsd.audio.windowing.windows import LIVE_BATCH, windows
from kwsd.classifier import Classifier
from kwsd.daemon.counters import Counters
from kwsd.daemon.metered import Metered
from kwsd.daemon.publishing import Publisher
from kwsd.daemon.status_line import StatusLine
from kwsd.daemon.tunable_spotter import TunableSpotter
from kwsd.daemon.watchdog import Watchdog
from kwsd.events import HopChanged, Ready
from kwsd.samples import RATE, milliseconds
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)


class Worker:
    """One run of the worker. Any thread may read `loaded` or call `stop`."""

    def __init__(
        self,
        rings: Mapping[str, Ring],
        spotter: TunableSpotter,
        *,
        publish: Publisher,
        counters: Counters,
        watchdog: Watchdog,
        status: StatusLine,
    ) -> None:
        self._rings, self._spotter, self._publish = rings, spotter, publish
        self._counters, self._watchdog, self._status = counters, watchdog, status
        self._loaded, self._stopping = threading.Event(), threading.Event()

    @property
    def loaded(self) -> bool:
        """Whether loading the model has ended, successfully or not."""
        return self._loaded.is_set()

    def stop(self) -> None:
        """Process no further batch."""
        self._stopping.set()

    def hear(
        self,
        card: ModelCard,
        load: Callable[[], Classifier],
        *,
        hop: int,
        schedule: WakeSchedule,
        live: Iterable[str],
        keep: int = 0,
        progressed: Callable[[], None],
    ) -> bool:
        """Spot words, in a window each `hop` samples, until the rings end or `stop` is called; False if it was.

        `schedule` is kept up to date on when the next window matters, so that no thread wakes more often. The streams
        in `live` are microphones, which do not wait; for others, `keep` samples before each window stay in the ring for
        the sinks. `progressed` is called after each batch. Raises what loading, scoring and publishing raise.
        """
        engine = self._load(card, load)
        adaptive = {stream: self._adaptive_hop(stream, hop, card.about) for stream in live}
        most = LIVE_BATCH if adaptive else self._spotter.batch
        batches = windows(
            self._rings, hop=hop, length=card.heard, about=card.about, batch=most, adaptive=adaptive, schedule=schedule,
            keep=keep,
        )  # fmt: skip
        waiting = set(self._rings)
        for batch in batches:
            if self._stopping.is_set():
                break
            self._greet(batch, engine, waiting)
            self._spot(batch)
            schedule.wake_at(self._spotter.span)
            progressed()
        for event in self._spotter.end({stream: ring.written for stream, ring in self._rings.items()}):
            self._publish(event)
        return not self._stopping.is_set()

    def _load(self, card: ModelCard, load: Callable[[], Classifier]) -> Classifier:
        """Load the classifier, and give it to the spotter with its scoring metered."""
        try:
            engine = load()
            self._spotter.load(card, Metered(engine, self._counters))
        finally:
            self._loaded.set()
        return engine

    def _spot(self, batch: list[Window]) -> None:
        """Publish the events of these windows, and count them."""
        self._watchdog.working()
        for event in self._spotter.feed(batch):
            self._publish(event.within(self._rings[event.stream].written))  # the last windows reach beyond the end
        self._counters.set_kept_out(self._spotter.gated)  # before the batch is counted: the spared ones must never fall
        self._counters.heard(len(batch))
        self._watchdog.worked()

    def _greet(self, batch: list[Window], engine: Classifier, waiting: set[str]) -> None:
        """Publish `Ready` for each stream with its first window, and report readiness once all streams have had one."""
        for stream in waiting & {window.stream for window in batch}:
            waiting.remove(stream)
            self._publish(Ready(stream, engine.name, engine.device))
            log.info("%s on %s listens to %s", engine.name, engine.device, stream)
            if not waiting:
                self._status.ready(f"{engine.name} on {engine.device} listens to {', '.join(self._rings)}")

    def _adaptive_hop(self, stream: str, hop: int, window: int) -> AdaptiveHop:
        """The adaptive hop of a live stream; a recording needs none, as it waits for its reader."""

        def changed(at: int, hop: int, behind: int) -> None:
            log.warning("%s: windows every %d ms now, %.1f s late", stream, milliseconds(hop), behind / RATE)
            self._publish(HopChanged(stream, at, hop, behind))

        return AdaptiveHop(hop, window, changed)

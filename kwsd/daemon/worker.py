"""The worker's thread: load the model, then windows in, events out, until there is no more audio."""

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
from kwsd.daemon.status import StatusLine
from kwsd.daemon.tunable_spotter import TunableSpotter
from kwsd.daemon.watchdog import Watchdog
from kwsd.events import HopChanged, Ready
from kwsd.samples import RATE, milliseconds
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)


class Worker:
    """One run of it. Any thread may ask whether the model is `loaded`, or say `stop`."""

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
        """Whether the model's loading is over, well or not."""
        return self._loaded.is_set()

    def stop(self) -> None:
        """Hear no further window."""
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
        """Spot words, a window each `hop` samples, until the rings end: True; or until `stop`: False.

        `schedule` is told when the next window matters, so that nobody wakes more often. The streams in `live` are of
        microphones, which do not wait; of others `keep` samples from before each window stay in the ring, for the
        sinks. `progressed` is told after each batch of windows. Raises what loading, scoring and publishing raise.
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
        """The classifier, timed and handed to the spotter."""
        try:
            engine = load()
            self._spotter.load(card, Metered(engine, self._counters))
        finally:
            self._loaded.set()
        return engine

    def _spot(self, batch: list[Window]) -> None:
        """Publish what is heard in these windows, and count them."""
        self._watchdog.working()
        for event in self._spotter.feed(batch):
            self._publish(event)
        self._counters.kept_out(self._spotter.gated)  # before the batch is counted: what was spared never falls
        self._counters.heard(len(batch))
        self._watchdog.worked()

    def _greet(self, batch: list[Window], engine: Classifier, waiting: set[str]) -> None:
        """A stream's first window is what makes the daemon ready for it."""
        for stream in waiting & {window.stream for window in batch}:
            waiting.remove(stream)
            self._publish(Ready(stream, engine.name, engine.device))
            log.info("%s on %s listens to %s", engine.name, engine.device, stream)
            if not waiting:
                self._status.ready(f"{engine.name} on {engine.device} listens to {', '.join(self._rings)}")

    def _adaptive_hop(self, stream: str, hop: int, window: int) -> AdaptiveHop:
        """A live stream's own hop. A recording waits for its reader, and is never late."""

        def changed(at: int, hop: int, behind: int) -> None:
            log.warning("%s: windows every %d ms now, %.1f s late", stream, milliseconds(hop), behind / RATE)
            self._publish(HopChanged(stream, at, hop, behind))

        return AdaptiveHop(hop, window, changed)

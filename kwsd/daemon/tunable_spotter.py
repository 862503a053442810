"""A spotter whose settings can be changed while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from kwsd import fitting
from kwsd.audio.windowing.window import Window
from kwsd.classifier import Classifier
from kwsd.config import Config
from kwsd.events import Event
from kwsd.spotting.spotter import Spotter
from kwsd.zoo import ModelCard


class TunableSpotter:
    """A spotter whose settings another thread may change, even before the model is loaded.

    They take effect between two batches. The other thread does not wait for that, as a batch may hang in a GPU.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self.words: tuple[str, ...] = ()
        """The words that may fire; none before `load`."""
        self._spotter: Spotter | None = None
        self._changed: Callable[[Spotter], None] | None = None
        self._lock = threading.Lock()

    def load(self, card: ModelCard, engine: Classifier) -> None:
        """Create the spotter for a loaded classifier. Raises ConfigError as `Spotter` does."""
        with self._lock:
            settings = fitting.spotting_settings(self._config, card)
            self._spotter, self._changed = settings.spotter(engine), None
            self.words = tuple(settings.trigger.thresholds)

    def feed(self, windows: Sequence[Window]) -> list[Event]:
        """Take up changed settings, then call `Spotter.feed`; only after `load`."""
        assert self._spotter
        with self._lock:
            change, self._changed = self._changed, None
        if change:
            change(self._spotter)
        return self._spotter.feed(windows)

    def end(self, lengths: Mapping[str, int]) -> list[Event]:
        """The events of `Spotter.end`; none before `load`."""
        return self._spotter.end(lengths) if self._spotter else []

    @property
    def batch(self) -> int:
        """The batch size of `Spotter.batch`; only after `load`."""
        assert self._spotter
        return self._spotter.batch

    @property
    def gated(self) -> int:
        """Number of windows that the gate kept from the classifier."""
        return self._spotter.gated if self._spotter else 0

    @property
    def span(self) -> int | None:
        """The span of `Spotter.span`; 1 before `load`."""
        return self._spotter.span if self._spotter else 1

    def adopt(self, config: Config, card: ModelCard) -> None:
        """Use the gate and trigger of `config`, whose words have been checked, from the next batch on."""
        settings = fitting.spotting_settings(config, card)
        with self._lock:
            self._config, self._changed = config, settings.retune
            if self._spotter:
                self.words = tuple(settings.trigger.thresholds)

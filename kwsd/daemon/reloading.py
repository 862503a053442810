"""A new configuration for a daemon that runs: taken over between two batches of windows, or refused as a whole."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, cast

from kwsd import fitting
from kwsd.audio.window import Window
from kwsd.classifier import Classifier
from kwsd.config import Config, options
from kwsd.daemon import build
from kwsd.daemon.outlets import Outlets
from kwsd.errors import KwsdError
from kwsd.events import Event
from kwsd.spotting.spotter import Spotter
from kwsd.spotting.vad import StepDetector
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)

SECTIONS = ("gate", "trigger", "hooks")
KEYS = ("output.events", "output.log_level")
"""What may change while the daemon runs; all else is bound to something that is open: a device, a model, a socket."""


def settled(old: Config, new: Config, card: ModelCard) -> Config:
    """`new` as far as it can be taken over; for the rest, of which the log warns, the old one goes on.

    Raises ConfigError for words that the model does not know.
    """
    fitting.check_words(new, card)
    for key, option in options().items():
        before = option.value_in(old)
        if option.section not in SECTIONS and key not in KEYS and before != option.value_in(new):
            log.warning("%s takes a restart; until then it stays %r", key, before)
    output = replace(old.output, events=new.output.events, log_level=new.output.log_level)
    found = replace(old, gate=new.gate, trigger=new.trigger, hooks=new.hooks, output=output)
    fitting.doubt_smoothing(found, card)
    return found


class TunableSpotter:
    """A spotter whose settings another thread may change; before the model is loaded, too.

    They are taken up between two batches. Nobody waits for that: a batch may be stuck in a GPU.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._spotter: Spotter | None = None
        self._changed: Callable[[Spotter], None] | None = None
        self._lock = threading.Lock()

    def load(self, card: ModelCard, engine: Classifier) -> None:
        """Make the spotter, over a loaded classifier. Raises ConfigError as Spotter does."""
        with self._lock:
            self._spotter, self._changed = build.make_spotter(self._config, card, engine), None

    def feed(self, windows: Sequence[Window]) -> list[Event]:
        """As `Spotter.feed`. Only once it is loaded."""
        assert self._spotter
        with self._lock:
            change, self._changed = self._changed, None
        if change:
            change(self._spotter)
        return self._spotter.feed(windows)

    def end(self, heard: Mapping[str, int]) -> list[Event]:
        """As `Spotter.end`."""
        return self._spotter.end(heard) if self._spotter else []

    @property
    def batch(self) -> int:
        """As `Spotter.batch`. Only once it is loaded."""
        assert self._spotter
        return self._spotter.batch

    @property
    def gated(self) -> int:
        """Windows that the gate kept from the classifier."""
        return self._spotter.gated if self._spotter else 0

    @property
    def span(self) -> int | None:
        """As `Spotter.span`."""
        return self._spotter.span if self._spotter else 1

    def adopt(self, config: Config, card: ModelCard) -> None:
        """Go on with this configuration's gate and trigger, from the next batch on. Its words are checked already."""
        gate, trigger = fitting.gate_settings(config), fitting.trigger_settings(config, card)
        with self._lock:
            self._config = config
            self._changed = partial(Spotter.adopt, gate=gate, trigger=trigger, coarse=config.gate.coarse)


def taken_over(
    read: Callable[[], Config],
    old: Config,
    card: ModelCard,
    spotter: TunableSpotter,
    outlets: Outlets,
) -> Config:
    """The configuration that `read` gives, in force wherever it may change; or the old one, where that is wrong.

    The token of the metrics is read again, too: its file's name stays, what is in it may change.
    """
    try:
        config = settled(old, read(), card)
        if config.gate.enabled:
            StepDetector(config.gate.aggressiveness)  # who started without the gate may lack its library
        token = build.metrics_token(config) if outlets.metrics else b""
        if outlets.hooks:
            outlets.hooks.bind(build.bound(config), limit=config.hooks.max_running, queue=config.hooks.queue)
    except (KwsdError, OSError) as error:  # OSError: of a disk or a server that is gone
        log.warning("the new configuration is refused, the old one stays: %s", error)
        return old
    spotter.adopt(config, card)
    if outlets.metrics:
        outlets.metrics.adopt(token)
    if outlets.stdout:
        outlets.stdout.adopt(cast(Literal["detections", "all"], config.output.events), build.commands(config))
    logging.getLogger("kwsd").setLevel(config.output.log_level.upper())
    log.info("the configuration has been read again")
    return config

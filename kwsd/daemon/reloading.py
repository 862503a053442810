"""A new configuration for a daemon that runs: taken over between two batches of windows, or refused as a whole."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast

from kwsd import fitting
from kwsd.config import Config, options
from kwsd.daemon import build
from kwsd.daemon.notify import Notifier
from kwsd.daemon.sink_set import SinkSet
from kwsd.daemon.status import StatusLine
from kwsd.daemon.tunable_spotter import TunableSpotter
from kwsd.errors import KwsdError
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


def taken_over(
    read: Callable[[], Config],
    old: Config,
    card: ModelCard,
    spotter: TunableSpotter,
    sinks: SinkSet,
) -> Config:
    """The configuration that `read` gives, in force wherever it may change; or the old one, where that is wrong.

    The token of the metrics is read again, too: its file's name stays, what is in it may change.
    """
    try:
        config = settled(old, read(), card)
        if config.gate.enabled:
            StepDetector(config.gate.aggressiveness)  # who started without the gate may lack its library
        token = build.metrics_token(config) if sinks.metrics else b""
        if sinks.hooks:
            sinks.hooks.bind(build.hooks_by_word(config), limit=config.hooks.max_running, queue=config.hooks.queue)
    except (KwsdError, OSError) as error:  # OSError: of a disk or a server that is gone
        log.warning("the new configuration is refused, the old one stays: %s", error)
        return old
    spotter.adopt(config, card)
    if sinks.metrics:
        sinks.metrics.adopt(token)
    if sinks.stdout:
        sinks.stdout.adopt(cast(Literal["detections", "all"], config.output.events), build.commands(config))
    logging.getLogger("kwsd").setLevel(config.output.log_level.upper())
    log.info("the configuration has been read again")
    return config


class Reloader:
    """Keeps the configuration that is in force, and reads it again whenever that is asked for.

    The file and the hooks' programs may lie on a mount that is gone, and the main thread has signals to serve.
    """

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config] | None,
        *,
        spotter: TunableSpotter,
        sinks: SinkSet,
        notifier: Notifier,
        status: StatusLine,
    ) -> None:
        """`read` reads it again; None where nothing is to change."""
        self.config = config
        self._read, self._spotter, self._sinks = read, spotter, sinks
        self._notifier, self._status = notifier, status
        self._asked: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True for each time, False at the end

    @property
    def reloads(self) -> bool:
        """Whether there is anything to read again."""
        return self._read is not None

    def ask(self) -> None:
        """Read it again, soon."""
        self._asked.put(True)

    def stop(self) -> None:
        """Let `run` end."""
        self._asked.put(False)

    def run(self, card: ModelCard) -> None:
        """The thread's body, until `stop`: go on with what was read, with the old one where that is wrong for the model
        of the `card`."""
        while self._asked.get():
            assert self._read
            self._notifier.reloading()
            self.config = taken_over(self._read, self.config, card, self._spotter, self._sinks)
            self._status.reloaded()

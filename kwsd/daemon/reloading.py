"""Reloads the configuration of a running daemon: it takes effect between two batches, or is refused as a whole."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Literal, cast

from kwsd import fitting
from kwsd.config import Config, options
from kwsd.daemon import build
from kwsd.daemon.notify import Notifier
from kwsd.daemon.sink_set import SinkSet
from kwsd.daemon.status_line import StatusLine
from kwsd.daemon.tunable_spotter import TunableSpotter
from kwsd.errors import KwsdError
from kwsd.spotting.vad import StepDetector
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)

SECTIONS = ("gate", "trigger", "hooks")
KEYS = ("output.events", "output.log_level")
"""What may change while the daemon runs; all else belongs to something that is open: a device, a model, a socket."""
HANGS_S = 5.0
"""A reload that takes longer is logged; checking the hooks' programs may take `programs.LOOK_S` of it."""


def settled(old: Config, new: Config, card: ModelCard) -> Config:
    """`new` where it can change while the daemon runs, else `old`, with a warning for each change that is left out.

    Raises ConfigError for words that the model does not know.
    """
    fitting.check_words(new, card)
    for key, option in options().items():
        before = option.value_in(old)
        if option.section not in SECTIONS and key not in KEYS and before != option.value_in(new):
            log.warning("a change of %s needs a restart; until then it stays %r", key, before)
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
    """Apply the configuration that `read` gives, and return it; if it is invalid, log why and return the old one.

    The metrics token is read again, too: the name of its file cannot change, but its content can.
    """
    try:
        config = settled(old, read(), card)
        if config.gate.enabled:
            StepDetector(config.gate.aggressiveness)  # a daemon started without a gate may lack its library
        token = build.metrics_token(config) if sinks.metrics else b""
        if sinks.hooks:
            sinks.hooks.bind(build.hooks_by_word(config), limit=config.hooks.max_running, queue=config.hooks.queue)
    except (KwsdError, OSError) as error:  # OSError: a disk or a server is gone
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
    """Holds the configuration in force, and reads it again on request.

    It has a thread of its own: the file and the hooks' programs may lie on a mount that hangs, while the main thread
    has to serve signals.
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
        """`read` reads the configuration again; None if reloads are not supported."""
        self.config = config
        self._read, self._spotter, self._sinks = read, spotter, sinks
        self._notifier, self._status = notifier, status
        self._asked: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True for each time, False at the end

    @property
    def reloads(self) -> bool:
        """Whether the configuration can be read again."""
        return self._read is not None

    def ask(self) -> None:
        """Request a reload, which `run` does soon."""
        self._asked.put(True)

    def stop(self) -> None:
        """Let `run` end."""
        self._asked.put(False)

    def run(self, card: ModelCard) -> None:
        """The thread's body, until `stop`: on each request, apply the new configuration if it fits the model `card`."""
        while self._asked.get():
            assert self._read
            self._notifier.reloading()
            with _told_if_it_hangs():
                self.config = taken_over(self._read, self.config, card, self._spotter, self._sinks)
            self._status.reloaded()


@contextmanager
def _told_if_it_hangs() -> Iterator[None]:
    """Log that the configuration is still being read after `HANGS_S`: else a SIGHUP would seem to be ignored."""
    what = "reading the new configuration hangs, the old one stays until then: is the file on a mount that is gone?"
    late = threading.Timer(HANGS_S, log.warning, args=(what,))
    late.daemon = True
    with suppress(RuntimeError):  # no thread can be started
        late.start()
    try:
        yield
    finally:
        late.cancel()

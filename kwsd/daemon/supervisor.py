"""Runs the daemon: starts everything, waits for messages in the main thread, and stops everything in order."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TextIO

from kwsd import fitting
from kwsd import zoo as default_zoo
from kwsd.audio.source import Source
from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.audio.windowing.pump import pump
from kwsd.audio.windowing.ring import Ring
from kwsd.config import Config
from kwsd.daemon import build
from kwsd.daemon.counters import Counters
from kwsd.daemon.mailbox import Ended, Failed, Mailbox, Signalled, StdoutClosed
from kwsd.daemon.notify import Notifier
from kwsd.daemon.publishing import Publisher
from kwsd.daemon.reloading import Reloader
from kwsd.daemon.signals import Terminal, relayed
from kwsd.daemon.sink_set import SinkSet
from kwsd.daemon.status_line import StatusLine
from kwsd.daemon.threads import Threads
from kwsd.daemon.tunable_spotter import TunableSpotter
from kwsd.daemon.watchdog import Watchdog
from kwsd.daemon.worker import Worker
from kwsd.events import Stopped
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)

STATUS = {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGHUP: 129}
"""Exit statuses. SIGTERM is the usual request to stop a daemon, so stopping on it is not a failure."""
JOIN_S = 10.0
"""Threads that take longer to end are left behind, and `kwsd.cli.entry` ends the process without them."""
RELOAD_S = 1.0
"""The same for a reload, whose file may lie on a mount that is gone: a daemon that stops needs no new configuration."""


def run(
    config: Config,
    *sources: Source,
    zoo: build.Zoo = default_zoo,
    stdout: TextIO | None = None,
    reload: Callable[[], Config] | None = None,
    schedule: WakeSchedule | None = None,
) -> int:
    """Listen to `sources` until they end or a signal arrives; returns the exit status. Only for the main thread.

    The first SIGINT, SIGTERM or SIGHUP stops everything in order at any time, a second one ends the process. With
    `reload`, which reads the configuration again, SIGHUP does that instead, unless it arrives because the terminal hung
    up. `schedule` is the one that the sources were given, if any, and has to have the configured hop. Raises KwsdError
    for problems that the operator has to solve, and any error that a thread died of.
    """
    stream = sys.stdout if stdout is None else stdout
    return _Daemon(config, sources, zoo, stream, reload, schedule or WakeSchedule(config.model.hop)).run()


class _Daemon:
    """One run of the daemon.

    There is a thread for each source, the worker, the reloads and each sink that has one. They report to the main
    thread, which waits at the mailbox.
    """

    def __init__(
        self,
        config: Config,
        sources: tuple[Source, ...],
        zoo: build.Zoo,
        stream: TextIO | None,
        reload: Callable[[], Config] | None,
        schedule: WakeSchedule,
    ) -> None:
        self._sources, self._zoo, self._stream = sources, zoo, stream
        self._terminal, self._schedule = Terminal(), schedule
        self._spotter = TunableSpotter(config)
        self._mailbox: Mailbox = Mailbox()
        self._publish = Publisher()
        self._notifier = Notifier()
        self._status = StatusLine(self._notifier)
        self._rings: dict[str, Ring] = {}
        self._watchdog = Watchdog(self._notifier, self._rings)
        self._counters = Counters(self._rings, config.model.hop, words=lambda: self._spotter.words)
        self._sinks = SinkSet(live=any(source.live for source in sources), failed=self._fail)
        self._worker = Worker(
            self._rings,
            self._spotter,
            publish=self._publish,
            counters=self._counters,
            watchdog=self._watchdog,
            status=self._status,
        )
        self._reloader = Reloader(
            config,
            reload,
            spotter=self._spotter,
            sinks=self._sinks,
            notifier=self._notifier,
            status=self._status,
        )
        self._threads = Threads(self._fail)
        self._stopped: set[str] = set()
        self._reason = "end of input"
        self._patience_s = JOIN_S

    def run(self) -> int:
        with ExitStack() as stack:
            stack.callback(self._mailbox.close)
            stack.callback(self._notifier.close)
            for source in self._sources:
                stack.callback(source.close)  # even if it is never read
            reloads, waking = self._reloader.reloads, self._mailbox.wakeup_fd()
            stack.enter_context(relayed(self._signalled, self._sinks.kill_hooks, waking, reloads=reloads))
            try:
                self._start(stack)
                return self._wait()
            except BaseException as error:
                self._reason = str(error) or type(error).__name__
                raise

    def _start(self, stack: ExitStack) -> None:
        """Start everything, each with its clean-up. Configuration errors are raised before any audio is opened.

        The model is loaded by the worker's thread: importing torch takes seconds of C code in which a signal would
        not be served, and the main thread has to stay free for it.
        """
        config = self._reloader.config
        card = fitting.fitted(config, self._zoo.read_card(config.model.name))
        fitting.check_words(config, card)
        self._rings.update(build.make_rings(lambda: self._reloader.config, self._sources, card.heard))
        self._sinks.open(
            stack,
            config,
            rings=self._rings,
            counters=self._counters,
            stream=self._stream,
            stdout_closed=self._stdout_closed,
            reloads=self._reloader.reloads,
            publish=self._publish,
            farewell=self._say_stopped,
        )
        self._publish.add(*self._sinks, self._status, self._counters, self._watchdog)
        self._notifier.status(f"loading {card.name}")
        stack.callback(lambda: self._threads.join(self._patience_s))  # the worker last, as others bring its audio
        stack.callback(self._stop)  # before the first thread starts, as starting the next may fail
        self._threads.start("kwsd-worker", partial(self._serve, card))
        if self._reloader.reloads:
            self._threads.start("kwsd-reload", partial(self._reloader.run, card), patience_s=RELOAD_S)
        for source in self._sources:
            into = self._rings[source.name]
            self._threads.start("kwsd-capture", partial(pump, source, into, self._publish, self._search_failed))

    def _wait(self) -> int:
        """Wait until it is time to stop; the exit status. Raises the error that a thread died of."""
        while True:
            match self._mailbox.get():
                case Ended():
                    return 0
                case Failed(error):
                    raise error
                case Signalled(number) if self._asks_to_reload(number):
                    self._reloader.ask()
                case Signalled(number):
                    self._reason = number.name
                    if not self._worker.loaded:
                        self._patience_s = 0  # only the end of the process can interrupt the loading of a model
                    return STATUS[number]
                case StdoutClosed() if not self._sinks.serve_without_stdout(self._reloader.config):
                    self._reason = "standard output is closed"
                    return 0

    def _asks_to_reload(self, number: signal.Signals) -> bool:
        """Whether a signal asks for a reload, as SIGHUP does unless the terminal has hung up."""
        return self._reloader.reloads and number == signal.SIGHUP and not self._terminal.hangs_up()

    def _serve(self, card: ModelCard) -> None:
        """The body of the worker's thread: process all audio, then wait for everything that it triggered."""
        config = self._reloader.config  # changes of model and keep sections take a restart
        load = partial(self._zoo.load_classifier, card, device=config.model.device)
        live = [source.name for source in self._sources if source.live]
        hop, keep, progressed = config.model.hop, build.kept_before(config), self._progressed
        if self._worker.hear(card, load, hop=hop, schedule=self._schedule, live=live, keep=keep, progressed=progressed):
            self._drain()
        self._mailbox.put(Ended())

    def _progressed(self) -> None:
        self._terminal.look()
        self._sinks.catch_up()

    def _search_failed(self) -> None:
        """Act on a failed search for a lost microphone; output is caught up with here, as no batch does so now."""
        self._watchdog.search_failed()
        self._progressed()

    def _drain(self) -> None:
        """After the end of all audio, wait for the sinks, publish `Stopped`, and wait until that is written."""
        self._notifier.stopping()
        self._sinks.drain()
        self._say_stopped()
        self._sinks.catch_up()

    def _stop(self) -> None:
        """Make every thread end soon. After the end of all audio this changes nothing."""
        self._notifier.stopping()
        self._reloader.stop()
        self._worker.stop()
        for source in self._sources:
            source.close()
        for ring in self._rings.values():
            ring.close()
        self._sinks.hurry()

    def _say_stopped(self) -> None:
        for stream, ring in self._rings.items():
            if stream not in self._stopped:
                self._stopped.add(stream)
                self._publish(Stopped(stream, ring.written, self._reason))

    def _signalled(self, number: signal.Signals) -> None:
        self._mailbox.put(Signalled(number))

    def _fail(self, error: BaseException) -> None:
        self._mailbox.put(Failed(error))

    def _stdout_closed(self) -> None:
        self._mailbox.put(StdoutClosed())

"""The daemon's life: start everything, wait in the main thread for what happens, stop everything in order."""

from __future__ import annotations

import logging
import math
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TextIO

from kwsd import fitting
from kwsd import zoo as shipped
from kwsd.audio.dozing import Doze
from kwsd.audio.pump import pump
from kwsd.audio.ring import Ring
from kwsd.audio.source import Source
from kwsd.config import Config
from kwsd.daemon import build
from kwsd.daemon.counters import Counters
from kwsd.daemon.exposition import exposition
from kwsd.daemon.keeping import DetectionKeeper
from kwsd.daemon.mailbox import Mailbox
from kwsd.daemon.messages import Ended, Failed, Message, Signalled, StdoutClosed
from kwsd.daemon.notify import Notifier
from kwsd.daemon.publishing import Publisher
from kwsd.daemon.reloading import TunableSpotter, taken_over
from kwsd.daemon.signals import Terminal, relayed
from kwsd.daemon.status import StatusLine
from kwsd.daemon.watchdog import Watchdog
from kwsd.daemon.worker import Worker
from kwsd.events import Stopped
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.stdout import StdoutSink
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)

STATUS = {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGHUP: 129}
"""Exit statuses. SIGTERM is how systemd, and everybody else, asks a daemon to stop: to do so is no failure."""
HOOKS_S = 2.0
"""What running hooks get when the daemon is told to stop. At the end of a file they have their own time-outs."""
SOCKET_S = 1.0
STDOUT_S = 1.0
KEEPER_S = 2.0
JOIN_S = 10.0
"""A thread that takes longer to end is left behind, and `kwsd.cli.entry` ends the process without it."""


def run(
    config: Config,
    *sources: Source,
    zoo: build.Zoo = shipped,
    stdout: TextIO | None = None,
    reload: Callable[[], Config] | None = None,
    doze: Doze | None = None,
) -> int:
    """Listen to `sources` until they end or a signal comes; the exit status. Only in the main thread.

    Raises KwsdError for whatever the operator has to see to, and what a thread died of. A first SIGINT, SIGTERM or
    SIGHUP stops in order, at whatever moment, a second one ends the process. With `reload`, which reads the
    configuration again, SIGHUP does that instead, unless it comes because the terminal hung up. `doze` is what the
    sources were given, of the configuration's hop, if they were.
    """
    stream = sys.stdout if stdout is None else stdout
    return _Daemon(config, sources, zoo, stream, reload, doze or Doze(config.model.hop)).run()


class _Daemon:
    """One run. Its threads are one a source, the worker, and those of the sinks; they speak to the main thread, which
    waits for them at the mailbox."""

    def __init__(
        self,
        config: Config,
        sources: tuple[Source, ...],
        zoo: build.Zoo,
        stream: TextIO | None,
        reload: Callable[[], Config] | None,
        doze: Doze,
    ) -> None:
        self._config, self._sources, self._zoo, self._stream = config, sources, zoo, stream
        self._reload, self._terminal, self._doze = reload, Terminal(), doze
        self._spotter = TunableSpotter(config)
        self._mailbox: Mailbox[Message] = Mailbox()
        self._publish = Publisher()
        self._notifier = Notifier()
        self._status = StatusLine(self._notifier)
        self._rings: dict[str, Ring] = {}
        self._watchdog = Watchdog(self._notifier, self._rings)
        self._counters = Counters(self._rings, config.model.hop)
        self._hooks: HookSink | None = None
        self._stdout: StdoutSink | None = None
        self._keeper: DetectionKeeper | None = None
        self._worker = Worker(
            self._rings,
            self._spotter,
            publish=self._publish,
            counters=self._counters,
            watchdog=self._watchdog,
            status=self._status,
        )
        self._stopped: set[str] = set()
        self._reason = "end of input"
        self._patience_s = JOIN_S

    def run(self) -> int:
        with ExitStack() as stack:
            stack.callback(self._mailbox.close)
            stack.callback(self._notifier.close)
            for source in self._sources:
                stack.callback(source.close)  # whatever keeps it from ever being read
            reloads = self._reload is not None
            stack.enter_context(relayed(self._signalled, self._kill_hooks, self._mailbox.fileno(), reloads=reloads))
            self._start(stack)
            return self._wait()

    def _start(self, stack: ExitStack) -> None:
        """Start everything, each with its undoing. Mistakes in the configuration show before any audio is opened.

        The model is loaded by the worker's thread: importing torch takes seconds of C code in which a signal would
        not be served, and the main thread has to stay free for it.
        """
        config, live = self._config, any(source.live for source in self._sources)
        card = self._card = fitting.fitted(config, self._zoo.read_card(config.model.name))
        fitting.check_words(config, card)
        self._rings.update(build.make_rings(config, self._sources, card.heard))
        status, counted = self._counters.answer, self._counters.count_subscribers
        socket = build.open_socket(config, live=live, failed=self._fail, status=status, counted=counted)
        if socket:
            stack.callback(socket.close, SOCKET_S)
        metrics = build.open_metrics(config, lambda: exposition(self._counters.snapshot()), failed=self._fail)
        if metrics:
            stack.callback(metrics.close)
        self._stdout = build.open_stdout(config, self._stream, live=live, closed=self._stdout_closed)
        if self._stdout:
            stack.callback(self._stdout.close, STDOUT_S)
        stack.callback(self._say_stopped)
        reloads = self._reload is not None
        self._hooks = build.open_hooks(config, reloads=reloads, publish=self._publish, failed=self._fail)
        if self._hooks:
            stack.callback(self._hooks.close, HOOKS_S)
        keeper = self._keeper = build.open_keeper(config, self._rings, live=live, failed=self._fail)
        if keeper:
            stack.callback(keeper.close, KEEPER_S)
        self._serves = live and (socket is not None or keeper is not None)
        self._live = live
        # Hooks first: they are what the user waits for.
        self._publish.add(self._hooks, socket, self._stdout, self._status, self._counters, keeper, self._watchdog)
        self._notifier.status(f"loading {card.name}")
        self._run_thread(stack, "kwsd-worker", partial(self._serve, card))
        for source in self._sources:
            into = self._rings[source.name]
            self._run_thread(stack, "kwsd-capture", partial(pump, source, into, self._publish, self._sought))
        stack.callback(self._stop)

    def _wait(self) -> int:
        """The exit status, when it is time to stop. Raises what a thread died of."""
        while True:
            message = self._mailbox.get()
            if isinstance(message, Ended):
                return 0
            if isinstance(message, Failed):
                self._reason = str(message.error) or type(message.error).__name__
                raise message.error
            if isinstance(message, Signalled):
                if self._reload is not None and message.number == signal.SIGHUP and not self._terminal.hangs_up():
                    self._adopt(self._reload)
                    continue
                self._reason = message.number.name
                if not self._worker.loaded:
                    self._patience_s = 0  # nothing can break off a model's loading but the end of the process
                return STATUS[message.number]
            if not self._serves and not (self._live and self._config.hooks.words):
                self._reason = "standard output is closed"
                return 0

    def _serve(self, card: ModelCard) -> None:
        """The worker's thread: hear, and see what was set off to its end."""
        load = partial(self._zoo.load_classifier, card, device=self._config.model.device)
        live = [source.name for source in self._sources if source.live]
        hop, keep, progressed = self._config.model.hop, build.kept_before(self._config), self._progressed
        try:
            if self._worker.hear(card, load, hop=hop, doze=self._doze, live=live, keep=keep, progressed=progressed):
                self._drain()
            self._mailbox.put(Ended())
        except BaseException as error:
            self._mailbox.put(Failed(error))

    def _progressed(self) -> None:
        self._terminal.look()
        if self._stdout:
            self._stdout.catch_up()
        if self._keeper:
            self._keeper.catch_up()

    def _sought(self) -> None:
        """A lost microphone was looked for: no batch comes meanwhile, and somebody may wait for what was said."""
        self._watchdog.sought()
        self._progressed()

    def _adopt(self, read: Callable[[], Config]) -> None:
        """Read the configuration and go on with it; with the old one where it is wrong."""
        self._notifier.reloading()
        self._config = taken_over(read, self._config, self._card, self._spotter, self._hooks, self._stdout)
        self._status.reloaded()

    def _drain(self) -> None:
        """All audio is through: let the hooks end, by their own time-outs, the disk take what it is to keep, and the
        reader of standard output read."""
        self._notifier.stopping()
        if self._hooks:
            self._hooks.close(math.inf)
        if self._keeper:
            self._keeper.catch_up(1)
        self._say_stopped()
        if self._stdout:
            self._stdout.catch_up()

    def _stop(self) -> None:
        """Make every thread come to its end soon. After the end of all audio there is nothing left to do here."""
        self._notifier.stopping()
        self._worker.stop()
        for source in self._sources:
            source.close()
        for ring in self._rings.values():
            ring.close()
        if self._hooks:
            self._hooks.hurry(HOOKS_S)
        if self._keeper:
            self._keeper.hurry()
        if self._stdout:
            self._stdout.hurry()

    def _say_stopped(self) -> None:
        for stream, ring in self._rings.items():
            if stream not in self._stopped:
                self._stopped.add(stream)
                self._publish(Stopped(stream, ring.written, self._reason))

    def _run_thread(self, stack: ExitStack, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        stack.callback(lambda: thread.join(self._patience_s))

    def _signalled(self, number: signal.Signals) -> None:
        self._mailbox.put(Signalled(number))

    def _fail(self, error: BaseException) -> None:
        self._mailbox.put(Failed(error))

    def _stdout_closed(self) -> None:
        self._mailbox.put(StdoutClosed())

    def _kill_hooks(self) -> None:
        if self._hooks:
            self._hooks.kill()

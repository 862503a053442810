"""Where events leave the daemon: the sinks that the configuration asks for, opened, waited for and closed together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TextIO

from kwsd.audio.windowing.ring import Ring
from kwsd.config import Config
from kwsd.daemon import build
from kwsd.daemon.counters import Counters
from kwsd.daemon.detection_recorder import DetectionKeeper
from kwsd.daemon.exposition import exposition
from kwsd.daemon.metrics_server import ScrapeServer
from kwsd.events import Event
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.sink import Sink
from kwsd.sinks.socket import SocketSink
from kwsd.sinks.stdout import StdoutSink

HOOKS_S = 2.0
"""What running hooks get when the daemon is told to stop. At the end of a file they have their own time-outs."""
SOCKET_S = 1.0
STDOUT_S = 1.0
KEEPER_S = 2.0


class SinkSet:
    """Hooks, socket, standard output and kept recordings, and the page of metrics; each only where it is wanted.

    Closed until `open`, and every method may be called before it.
    """

    def __init__(self, *, live: bool, failed: Callable[[BaseException], None]) -> None:
        """`live`: a microphone waits for nobody, a recording waits for standard output and what is kept of it. `failed`
        takes what a sink's thread died of."""
        self._live, self._failed = live, failed
        self.hooks: HookSink | None = None
        self.stdout: StdoutSink | None = None
        self.metrics: ScrapeServer | None = None
        self._socket: SocketSink | None = None
        self._keeper: DetectionKeeper | None = None

    def open(
        self,
        stack: ExitStack,
        config: Config,
        *,
        rings: Mapping[str, Ring],
        counters: Counters,
        stream: TextIO | None,
        stdout_closed: Callable[[], None],
        reloads: bool,
        publish: Callable[[Event], None],
        farewell: Callable[[], None],
    ) -> None:
        """Open them all, and put their ends on `stack`; `farewell` is called once the hooks have ended, while the
        others still take what it says. Raises KwsdError for what cannot be had."""
        live, failed = self._live, self._failed
        status, counted = counters.answer, counters.count_subscribers
        socket = self._socket = build.open_socket(config, live=live, failed=failed, status=status, counted=counted)
        if socket:
            stack.callback(socket.close, SOCKET_S)
        metrics = self.metrics = build.open_metrics(config, lambda: exposition(counters.snapshot()), failed=failed)
        if metrics:
            stack.callback(metrics.close)
        stdout = self.stdout = build.open_stdout(config, stream, live=live, closed=stdout_closed)
        if stdout:
            stack.callback(stdout.close, STDOUT_S)
        stack.callback(farewell)
        hooks = self.hooks = build.open_hooks(config, reloads=reloads, publish=publish, failed=failed)
        if hooks:
            stack.callback(hooks.close, HOOKS_S)
        keeper = self._keeper = build.open_keeper(config, rings, live=live, failed=failed)
        if keeper:
            stack.callback(keeper.close, KEEPER_S)

    def __iter__(self) -> Iterator[Sink]:
        """The sinks, the hooks first: they are what the user waits for."""
        sinks: tuple[Sink | None, ...] = (self.hooks, self._socket, self.stdout, self._keeper)
        return (sink for sink in sinks if sink is not None)

    def serve_without_stdout(self, config: Config) -> bool:
        """Whether a daemon whose standard output nobody reads any more is still of use to somebody."""
        return self._live and (self._socket is not None or self._keeper is not None or bool(config.hooks.words))

    def catch_up(self) -> None:
        """Wait for the slow ones, where the audio can wait."""
        if self.stdout:
            self.stdout.catch_up()
        if self._keeper:
            self._keeper.catch_up()

    def drain(self) -> None:
        """All audio is through: let the hooks end, by their own time-outs, and the disk take what it is to keep."""
        if self.hooks:
            self.hooks.close(math.inf)
        if self._keeper:
            self._keeper.catch_up(1)

    def hurry(self) -> None:
        """Somebody wants to stop: wait for none of them longer than its deadline, now or from now on."""
        if self.hooks:
            self.hooks.hurry(HOOKS_S)
        if self._keeper:
            self._keeper.hurry()
        if self.stdout:
            self.stdout.hurry()

    def kill_hooks(self) -> None:
        """End what the hooks started, at once."""
        if self.hooks:
            self.hooks.kill()

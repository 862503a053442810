"""The sinks that the configuration asks for, which are opened, waited for and closed together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TextIO

from kwsd.audio.windowing.ring import Ring
from kwsd.config import Config
from kwsd.daemon import build
from kwsd.daemon.counters import Counters
from kwsd.daemon.detection_keeper import DetectionKeeper
from kwsd.daemon.exposition import exposition
from kwsd.daemon.metrics_server import MetricsServer
from kwsd.events import Event
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.sink import Sink
from kwsd.sinks.socket import SocketSink
from kwsd.sinks.stdout import StdoutSink

HOOKS_S = 2.0
"""Seconds that running hooks get when the daemon is told to stop; at the end of a file, their own time-outs apply."""
SOCKET_S = 1.0
STDOUT_S = 1.0
KEEPER_S = 2.0


class SinkSet:
    """Hooks, socket, standard output, kept detections and the metrics server, each only if it is configured.

    Nothing is open before `open`, but every method may be called before it.
    """

    def __init__(self, *, live: bool, failed: Callable[[BaseException], None]) -> None:
        """`live`: a microphone waits for no sink; a recording waits for standard output and for kept detections.

        `failed` is called with the error that a sink's thread died of.
        """
        self._live, self._failed = live, failed
        self.hooks: HookSink | None = None
        self.stdout: StdoutSink | None = None
        self.metrics: MetricsServer | None = None
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
        """Open all sinks, and push their closing on `stack`. Raises KwsdError if one cannot be opened.

        On the way down, `farewell` is called after the hooks and the keeper are closed, while the other sinks still
        take its events.
        """
        live, failed = self._live, self._failed
        status, counted = counters.answer, counters.set_subscribers
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
        """The sinks that take events; the hooks come first, as the user waits for them."""
        sinks: tuple[Sink | None, ...] = (self.hooks, self._socket, self.stdout, self._keeper)
        return (sink for sink in sinks if sink is not None)

    def serve_without_stdout(self, config: Config) -> bool:
        """Whether the daemon is still of use once the reader of its standard output is gone."""
        return self._live and (self._socket is not None or self._keeper is not None or bool(config.hooks.words))

    def catch_up(self) -> None:
        """Wait for standard output and kept detections, if the audio can wait."""
        if self.stdout:
            self.stdout.catch_up()
        if self._keeper:
            self._keeper.catch_up()

    def drain(self) -> None:
        """After the end of all audio, wait for the hooks, by their own time-outs, and for kept detections."""
        if self.hooks:
            self.hooks.close(math.inf)
        if self._keeper:
            self._keeper.catch_up(1)

    def hurry(self) -> None:
        """Wait for no sink longer than its deadline, now and from now on, as the daemon is to stop."""
        if self.hooks:
            self.hooks.hurry(HOOKS_S)
        if self._keeper:
            self._keeper.hurry()
        if self.stdout:
            self.stdout.hurry()

    def kill_hooks(self) -> None:
        """Kill everything that the hooks started, at once."""
        if self.hooks:
            self.hooks.kill()

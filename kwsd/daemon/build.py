"""Builds the daemon's parts from the configuration: rings and sinks."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol, TextIO, cast

from kwsd.audio.source import Source
from kwsd.audio.windowing.ring import Ring
from kwsd.audio.windowing.windows import LIVE_BATCH, SPARED_BATCH, room_for
from kwsd.classifier import Classifier
from kwsd.config import Config, check_letters, command_line, expanded
from kwsd.daemon.detection_keeper import DetectionKeeper
from kwsd.daemon.metrics_server import MetricsServer
from kwsd.daemon.metrics_token import read_token
from kwsd.errors import ConfigError
from kwsd.events import Event
from kwsd.samples import RATE
from kwsd.shown import brief
from kwsd.sinks.environment import OURS
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.listening import handed_over, inherited
from kwsd.sinks.order import Hook
from kwsd.sinks.socket import SocketSink
from kwsd.sinks.stdout import StdoutSink
from kwsd.spotting.speech_probe import SpeechProbe
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)


class Zoo(Protocol):
    """The source of models: `kwsd.zoo`, or a fake of it."""

    def read_card(self, name_or_folder: str, /) -> ModelCard:
        """The description of a model, read without loading it."""

    def load_classifier(self, card: ModelCard, /, *, device: str) -> Classifier:
        """The model itself, warm."""


def make_rings(current: Callable[[], Config], sources: Iterable[Source], window: int) -> dict[str, Ring]:
    """A ring for each source, by name, with at least the capacity that windows of `window` samples need.

    If the `current` configuration has a gate, each ring gets a probe; without a gate, no thread sleeps through
    silence. Raises DeviceError as `SpeechProbe` does.
    """
    config = current()

    def probe() -> SpeechProbe | None:
        return SpeechProbe(lambda: current().gate.aggressiveness) if config.gate.enabled else None

    def capacity(batch: int) -> int:
        return max(int(config.audio.buffer_s * RATE), room_for(window, config.model.hop, kept_before(config), batch))

    batches = {source.name: LIVE_BATCH if source.live else SPARED_BATCH for source in sources}
    return {name: Ring(capacity(batch), probe()) for name, batch in batches.items()}


def kept_before(config: Config) -> int:
    """The samples before a window that the keeper may need, as the word that fires may have begun before the window."""
    return round(config.keep.preroll_s * RATE) + RATE if config.keep.folder else 0


def open_stdout(config: Config, stream: TextIO | None, *, live: bool, closed: Callable[[], None]) -> StdoutSink | None:
    """The sink for standard output; None if the process was started without standard output (`>&-`)."""
    if stream is None:
        return None
    chosen = config.output.format
    if chosen == "auto":
        chosen = "text" if stream.isatty() else "json"
    return StdoutSink(
        stream,
        format=cast(Literal["text", "json"], chosen),
        events=cast(Literal["detections", "all"], config.output.events),
        commands=commands(config),
        wait=not live,
        closed=closed,
    )


def commands(config: Config) -> dict[str, str]:
    """The commands of each word's hooks as one text, to be shown beside the word."""
    return {word: "; ".join(brief(command_line(argv)) for argv in argvs) for word, argvs in config.hooks.words.items()}


def open_socket(
    config: Config,
    *,
    live: bool,
    failed: Callable[[BaseException], None],
    status: Callable[[], bytes] | None = None,
    counted: Callable[[int], None] = lambda _: None,
) -> SocketSink | None:
    """The socket sink, if configured; by default, only for a microphone. A socket from systemd is used if there is one.

    None where there is to be no socket; one that systemd hands over is then ignored with a warning. Raises DeviceError
    and ConfigError as `SocketSink` and `inherited` do.
    """
    wanted = live if config.socket.enabled is None else config.socket.enabled
    if not wanted:
        if handed_over(os.environ):
            log.warning(
                "systemd passes a socket that kwsd is not set to serve: its subscribers get no events; "
                "set socket.enabled = true, without --no-socket"
            )
        return None
    given = inherited(os.environ)
    sink = SocketSink(config.socket.place, failed=failed, given=given, status=status, counted=counted)
    log.info("events are served at %s", sink.path)
    return sink


def open_metrics(
    config: Config, page: Callable[[], str], *, failed: Callable[[BaseException], None]
) -> MetricsServer | None:
    """The metrics server; None unless it is configured. Raises ConfigError and DeviceError as `MetricsServer` does."""
    chosen = config.metrics
    if not chosen.listen:
        for key, said in (("public", chosen.public), ("token_file", chosen.token_file)):
            if said:
                log.warning("metrics.%s has no effect without metrics.listen: no metrics are served", key)
        return None
    server = MetricsServer(chosen.listen, page, failed=failed, public=chosen.public, token=metrics_token(config))
    log.info("metrics are served at %s", server.address)
    return server


def metrics_token(config: Config) -> bytes:
    """The current token of the metrics server; b"" if no file is configured. Raises ConfigError as `read_token`."""
    file = config.metrics.token_file
    return read_token(expanded(file)) if file else b""


def open_hooks(
    config: Config,
    *,
    reloads: bool = False,
    publish: Callable[[Event], None],
    failed: Callable[[BaseException], None],
) -> HookSink | None:
    """The sink that runs hooks; None if no word has any, or can get one by a reload. Raises ConfigError as HookSink."""
    if not config.hooks.words and not reloads:
        return None
    chosen = config.hooks
    return HookSink(hooks_by_word(config), limit=chosen.max_running, queue=chosen.queue, publish=publish, failed=failed)


def open_keeper(
    config: Config, rings: Mapping[str, Ring], *, live: bool = True, failed: Callable[[BaseException], None]
) -> DetectionKeeper | None:
    """The sink that keeps the audio of detections; None unless it is configured. A recording waits for it.

    Raises DeviceError as `DetectionKeeper` does.
    """
    chosen = config.keep
    if not chosen.folder:
        return None
    quota, preroll = chosen.quota_mb * 1_000_000, round(chosen.preroll_s * RATE)
    folder = expanded(chosen.folder)
    return DetectionKeeper(folder, rings, quota_bytes=quota, preroll=preroll, wait=not live, failed=failed)


def hooks_by_word(config: Config) -> Mapping[str, list[Hook]]:
    """The configured hooks by word. Raises ConfigError for an environment variable that no hook may have."""
    chosen = config.hooks
    for name in chosen.environment:
        if name in OURS:
            raise ConfigError(
                f"hooks.environment: {name} is how systemd talks to kwsd, and not for hooks;", "leave it out"
            )
        check_letters(name, "hooks.environment")
        if name not in os.environ:
            log.warning("hooks.environment: %s is not set, so that no hook gets it", name)
    return {
        word: [Hook(argv, chosen.timeout_s, chosen.environment) for argv in argvs]
        for word, argvs in chosen.words.items()
    }

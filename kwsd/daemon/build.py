"""The one place where parts are joined: what the configuration says, turned into rings, a spotter and sinks."""

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
from kwsd.daemon.detection_recorder import DetectionKeeper
from kwsd.daemon.metrics_server import ScrapeServer
from kwsd.daemon.metrics_token import read_token
from kwsd.errors import ConfigError
from kwsd.events import Event
from kwsd.fitting import gate_settings, trigger_settings
from kwsd.samples import RATE
from kwsd.shown import brief
from kwsd.sinks.environment import OURS
from kwsd.sinks.hooks import HookSink
from kwsd.sinks.listening import handed_over, inherited
from kwsd.sinks.order import Hook
from kwsd.sinks.socket import SocketSink
from kwsd.sinks.stdout import StdoutSink
from kwsd.spotting.speech_probe import SpeechProbe
from kwsd.spotting.spotter import Spotter
from kwsd.zoo import ModelCard

log = logging.getLogger(__name__)


class Zoo(Protocol):
    """Where models come from: `kwsd.zoo`, or a fake of it."""

    def read_card(self, name_or_folder: str, /) -> ModelCard:
        """What is known of a model without loading it."""

    def load_classifier(self, card: ModelCard, /, *, device: str) -> Classifier:
        """The model itself, warm."""


def make_rings(current: Callable[[], Config], sources: Iterable[Source], window: int) -> dict[str, Ring]:
    """A ring for each source, under its name, with room for what `windows` needs at least, and a probe where there is
    a gate, as the `current` configuration has it: without one, nobody sleeps. Raises DeviceError as `SpeechProbe`."""
    config = current()

    def probe() -> SpeechProbe | None:
        return SpeechProbe(lambda: current().gate.aggressiveness) if config.gate.enabled else None

    def capacity(batch: int) -> int:
        return max(int(config.audio.buffer_s * RATE), room_for(window, config.model.hop, kept_before(config), batch))

    batches = {source.name: LIVE_BATCH if source.live else SPARED_BATCH for source in sources}
    return {name: Ring(capacity(batch), probe()) for name, batch in batches.items()}


def kept_before(config: Config) -> int:
    """The samples before a window that the keeper may want: the word that fires may have begun before it."""
    return round(config.keep.preroll_s * RATE) + RATE if config.keep.folder else 0


def make_spotter(config: Config, card: ModelCard, classifier: Classifier) -> Spotter:
    """The spotter over a loaded classifier."""
    gate, trigger = gate_settings(config), trigger_settings(config, card)
    return Spotter(classifier, gate=gate, trigger=trigger, coarse=config.gate.coarse, about=card.about)


def open_stdout(config: Config, stream: TextIO | None, *, live: bool, closed: Callable[[], None]) -> StdoutSink | None:
    """The sink for standard output; None where the process was started without one (`>&-`)."""
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
    """What each word runs, to be shown beside it."""
    return {word: "; ".join(brief(command_line(argv)) for argv in argvs) for word, argvs in config.hooks.words.items()}


def open_socket(
    config: Config,
    *,
    live: bool,
    failed: Callable[[BaseException], None],
    status: Callable[[], bytes] | None = None,
    counted: Callable[[int], None] = lambda _: None,
) -> SocketSink | None:
    """The socket: where it is asked for, and for a microphone unless it is refused; the one that systemd hands over."""
    wanted = live if config.socket.enabled is None else config.socket.enabled
    if not wanted:
        if handed_over(os.environ):
            log.warning("systemd hands over a socket that kwsd is not to serve: who subscribes there waits in vain")
        return None
    given = inherited(os.environ)
    sink = SocketSink(config.socket.place, failed=failed, given=given, status=status, counted=counted)
    log.info("events are served at %s", sink.path)
    return sink


def open_metrics(
    config: Config, page: Callable[[], str], *, failed: Callable[[BaseException], None]
) -> ScrapeServer | None:
    """The server of metrics; None unless it is asked for."""
    chosen = config.metrics
    if not chosen.listen:
        for key, said in (("public", chosen.public), ("token_file", chosen.token_file)):
            if said:
                log.warning("metrics.%s says nothing without metrics.listen: metrics are served nowhere", key)
        return None
    server = ScrapeServer(chosen.listen, page, failed=failed, public=chosen.public, token=metrics_token(config))
    log.info("metrics are served at %s", server.address)
    return server


def metrics_token(config: Config) -> bytes:
    """What is in the token's file now; b"" where there is none. Raises ConfigError as `read_token`."""
    file = config.metrics.token_file
    return read_token(expanded(file)) if file else b""


def open_hooks(
    config: Config,
    *,
    reloads: bool = False,
    publish: Callable[[Event], None],
    failed: Callable[[BaseException], None],
) -> HookSink | None:
    """The hooks, their programs found; None where no word has any, nor can get one by a reload."""
    if not config.hooks.words and not reloads:
        return None
    chosen = config.hooks
    return HookSink(hooks_by_word(config), limit=chosen.max_running, queue=chosen.queue, publish=publish, failed=failed)


def open_keeper(
    config: Config, rings: Mapping[str, Ring], *, live: bool = True, failed: Callable[[BaseException], None]
) -> DetectionKeeper | None:
    """What keeps the audio of detections; None unless it is asked for. A recording waits for it."""
    chosen = config.keep
    if not chosen.folder:
        return None
    quota, preroll = chosen.quota_mb * 1_000_000, round(chosen.preroll_s * RATE)
    folder = expanded(chosen.folder)
    return DetectionKeeper(folder, rings, quota_bytes=quota, preroll=preroll, wait=not live, failed=failed)


def hooks_by_word(config: Config) -> Mapping[str, list[Hook]]:
    """The hooks by word. Raises ConfigError for a variable that no hook may have."""
    chosen = config.hooks
    for name in chosen.environment:
        if name in OURS:
            raise ConfigError(f"hooks.environment: {name} is between systemd and kwsd;", "leave it out")
        check_letters(name, "hooks.environment")
        if name not in os.environ:
            log.warning("hooks.environment: %s is not set, so that no hook gets it", name)
    return {
        word: [Hook(argv, chosen.timeout_s, chosen.environment) for argv in argvs]
        for word, argvs in chosen.words.items()
    }

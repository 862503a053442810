"""The one place where parts are joined: what the configuration says, turned into settings, a spotter and sinks."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal, Protocol, TextIO, cast

from kwsd.audio.ring import Ring
from kwsd.audio.source import Source
from kwsd.config import Config, expanded, nearest, shown, socket_path
from kwsd.daemon.bearer import read_token
from kwsd.daemon.keeping import DetectionKeeper
from kwsd.daemon.scrape import ScrapeServer
from kwsd.errors import ConfigError
from kwsd.events import RATE, Event
from kwsd.shown import brief
from kwsd.sinks.environment import OURS
from kwsd.sinks.hooks import ANY_WORD, Hook, HookSink
from kwsd.sinks.listening import inherited
from kwsd.sinks.socket import SocketSink
from kwsd.sinks.stdout import StdoutSink
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Classifier, Spotter
from kwsd.spotting.trigger import TriggerSettings
from kwsd.zoo import DEFAULT_THRESHOLD, ModelCard

log = logging.getLogger(__name__)


class Engine(Classifier, Protocol):
    """A classifier that says where it computes."""

    @property
    def device(self) -> str: ...


class Zoo(Protocol):
    """Where models come from: `kwsd.zoo`, or a fake of it."""

    def read_card(self, name_or_folder: str, /) -> ModelCard:
        """What is known of a model without loading it."""

    def load_classifier(self, card: ModelCard, /, *, device: str) -> Engine:
        """The model itself, warm."""


def fitted(config: Config, card: ModelCard) -> ModelCard:
    """The card with the window, the verifier and, for a zero-shot model, the labels that the configuration asks for.

    Raises:
        ConfigError: the model cannot hear that much at once, or the hop is longer than a window; a zero-shot model
            gets fewer than two labels, or another model any.
    """
    chosen = config.model
    window = card.window if chosen.window_s is None else round(chosen.window_s * RATE)
    if card.kind == "exported" and window != card.window:
        raise ConfigError(f"--window {window / RATE:g}: {card.name} was exported for {card.window / RATE:g} s at once")
    if card.longest is not None and window > card.longest:
        raise ConfigError(f"--window {window / RATE:g}: {card.name} hears {card.longest / RATE:g} s at once at most")
    if chosen.hop > window:
        raise ConfigError(f"--hop {chosen.hop_ms}: longer than a window of {card.name}, {1000 * window / RATE:g} ms")
    smoothing = config.trigger.smoothing or card.smoothing
    if 2 * (smoothing - 1) * chosen.hop >= window:
        said = "--smoothing %d, --hop %d: few words are in so many windows so far apart; most will not be heard"
        log.warning(said, smoothing, chosen.hop_ms)
    if card.kind != "zero-shot":
        if chosen.labels:
            instead = "kwsd listen chooses among them with --words"
            raise ConfigError(f"--labels: {card.name} has labels of its own;", f"leave --labels away ({instead})")
        verifier = card.verifier if chosen.verify and window == card.window else None
        if card.kind == "kwsd" and window != card.window:
            alone = f", and {card.verifier.model} is not asked" if card.verifier and chosen.verify else ""
            said = "--window %g: %s learnt words in windows of %g s and may hear none in others%s"
            log.warning(said, window / RATE, card.name, card.window / RATE, alone)
        return replace(card, window=window, verifier=verifier)
    if len(chosen.labels) < 2:
        raise ConfigError(
            f"{card.name} is a zero-shot model and tells labels apart",
            "name two or more, --labels 'a dog barking, glass breaking'; _unknown_ and _silence_ never fire",
        )
    thresholds = dict.fromkeys(chosen.labels, DEFAULT_THRESHOLD)
    return replace(card, window=window, labels=chosen.labels, thresholds=thresholds)


def check_words(config: Config, card: ModelCard) -> None:
    """Raise ConfigError for a word in the configuration that the model does not know."""
    named: dict[str, Iterable[str]] = {
        "trigger.words (--words)": config.trigger.words,
        "trigger.thresholds": config.trigger.thresholds,
        "hooks.words (--hook)": [word for word in config.hooks.words if word != ANY_WORD],
    }
    for where, words in named.items():
        for word in words:
            if word not in card.words:
                hint = nearest(word, card.words) or f"it knows {_some(card.words)}"
                raise ConfigError(f"{where}: the model {card.name} does not know {word!r};", hint)
    for word in config.hooks.words:
        if config.trigger.words and word not in (*config.trigger.words, ANY_WORD):
            log.warning("the hook for %r never runs: --words leaves the word out", word)


def _some(words: tuple[str, ...]) -> str:
    """The words as a list that fits a few lines: AudioSet has 527."""
    most = 40
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if words[most:] else "")


def make_rings(config: Config, sources: Iterable[Source], window: int = RATE) -> dict[str, Ring]:
    """A ring for each source, under its name; room for two windows is the least that it needs."""
    capacity = max(int(config.audio.buffer_s * RATE), 2 * window)
    return {source.name: Ring(capacity) for source in sources}


def make_spotter(config: Config, card: ModelCard, classifier: Classifier) -> Spotter:
    """The spotter over a loaded classifier."""
    return Spotter(
        classifier, gate=gate_settings(config), trigger=trigger_settings(config, card), coarse=config.gate.coarse
    )


def gate_settings(config: Config) -> GateSettings | None:
    """The gate's settings; None where every window is scored."""
    gate = config.gate
    return GateSettings(gate.aggressiveness, gate.onset_ms, gate.hangover_ms) if gate.enabled else None


def trigger_settings(config: Config, card: ModelCard) -> TriggerSettings:
    """The trigger's settings, for a model."""
    chosen = config.trigger
    smoothing = chosen.smoothing or card.smoothing
    return TriggerSettings(thresholds(config, card), smoothing, chosen.refractory_ms, card.substitution)


def thresholds(config: Config, card: ModelCard) -> dict[str, float]:
    """The words that may fire, each with its threshold: its own, else the one for all, else the model's."""
    chosen = config.trigger
    words = chosen.words or card.words
    general = card.firing if chosen.threshold is None else dict.fromkeys(words, chosen.threshold)
    return {word: chosen.thresholds.get(word, general[word]) for word in words}


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
    return {word: "; ".join(brief(shown(argv)) for argv in argvs) for word, argvs in config.hooks.words.items()}


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
        return None
    path = expanded(config.socket.path) if config.socket.path else socket_path()
    sink = SocketSink(path, failed=failed, given=inherited(os.environ), status=status, counted=counted)
    log.info("events are served at %s", path)
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
    token = read_token(expanded(chosen.token_file)) if chosen.token_file else b""
    server = ScrapeServer(chosen.listen, page, failed=failed, public=chosen.public, token=token)
    log.info("metrics are served at %s", server.address)
    return server


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
    return HookSink(bound(config), limit=chosen.max_running, queue=chosen.queue, publish=publish, failed=failed)


def open_keeper(
    config: Config, rings: Mapping[str, Ring], *, failed: Callable[[BaseException], None]
) -> DetectionKeeper | None:
    """What keeps the audio of detections; None unless it is asked for."""
    chosen = config.keep
    if not chosen.folder:
        return None
    quota, preroll = chosen.quota_mb * 1_000_000, round(chosen.preroll_s * RATE)
    folder = expanded(chosen.folder)
    return DetectionKeeper(folder, rings, quota_bytes=quota, preroll=preroll, failed=failed)


def bound(config: Config) -> Mapping[str, list[Hook]]:
    """The hooks by word. Raises ConfigError for a variable that no hook may have."""
    chosen = config.hooks
    for name in chosen.environment:
        if name in OURS:
            raise ConfigError(f"hooks.environment: {name} is between systemd and kwsd;", "leave it out")
        if name not in os.environ:
            log.warning("hooks.environment: %s is not set, so that no hook gets it", name)
    return {
        word: [Hook(argv, chosen.timeout_s, chosen.environment) for argv in argvs]
        for word, argvs in chosen.words.items()
    }

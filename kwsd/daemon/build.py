"""The one place where parts are joined: what the configuration says, turned into settings, a spotter and sinks."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol, TextIO, cast

from kwsd.audio.ring import Ring
from kwsd.audio.source import Source
from kwsd.config import Config, nearest, shown, socket_path
from kwsd.errors import ConfigError
from kwsd.events import RATE, Event
from kwsd.sinks.hooks import ANY_WORD, Hook, HookSink
from kwsd.sinks.listening import inherited
from kwsd.sinks.socket import SocketSink
from kwsd.sinks.stdout import StdoutSink
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.spotter import Classifier, Spotter
from kwsd.spotting.trigger import TriggerSettings
from kwsd.zoo import ModelCard

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
                hint = nearest(word, card.words) or f"; it knows {', '.join(card.words)}"
                raise ConfigError(f"{where}: the model {card.name} does not know {word!r}{hint}")
    for word in config.hooks.words:
        if config.trigger.words and word not in (*config.trigger.words, ANY_WORD):
            log.warning("the hook for %r never runs: --words leaves the word out", word)


def make_rings(config: Config, sources: Iterable[Source]) -> dict[str, Ring]:
    """A ring for each source, under its name."""
    return {source.name: Ring(int(config.audio.buffer_s * RATE)) for source in sources}


def hop(config: Config) -> int:
    """Samples from one window to the next."""
    return config.model.hop_ms * RATE // 1000


def make_spotter(config: Config, card: ModelCard, classifier: Classifier) -> Spotter:
    """The spotter over a loaded classifier."""
    return Spotter(classifier, gate=gate_settings(config), trigger=trigger_settings(config, card))


def gate_settings(config: Config) -> GateSettings | None:
    """The gate's settings; None where every window is scored."""
    gate = config.gate
    return GateSettings(gate.aggressiveness, gate.onset_ms, gate.hangover_ms) if gate.enabled else None


def trigger_settings(config: Config, card: ModelCard) -> TriggerSettings:
    """The trigger's settings, for a model."""
    return TriggerSettings(thresholds(config, card), config.trigger.smoothing, config.trigger.refractory_ms)


def thresholds(config: Config, card: ModelCard) -> dict[str, float]:
    """The words that may fire, each with its threshold: its own, else the one for all, else the model's."""
    chosen = config.trigger
    words = chosen.words or card.words
    general = card.thresholds if chosen.threshold is None else dict.fromkeys(words, chosen.threshold)
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
    return {word: "; ".join(map(shown, argvs)) for word, argvs in config.hooks.words.items()}


def open_socket(config: Config, *, live: bool, failed: Callable[[BaseException], None]) -> SocketSink | None:
    """The socket: where it is asked for, and for a microphone unless it is refused; the one that systemd hands over."""
    wanted = live if config.socket.enabled is None else config.socket.enabled
    if not wanted:
        return None
    path = Path(config.socket.path).expanduser() if config.socket.path else socket_path()
    sink = SocketSink(path, failed=failed, given=inherited(os.environ))
    log.info("events are served at %s", path)
    return sink


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


def bound(config: Config) -> Mapping[str, list[Hook]]:
    """The hooks by word."""
    chosen = config.hooks
    return {word: [Hook(argv, chosen.timeout_s) for argv in argvs] for word, argvs in chosen.words.items()}

"""Declares every option once: TOML key, flag, type, default, range and help all come from these dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kwsd.config.addresses import FORM, is_place
from kwsd.config.declaring import option
from kwsd.config.places import expanded, socket_path
from kwsd.samples import samples_in

DEFAULT_MODEL = "hubert-commands"
"""The default model."""

LOWEST = 0.001
"""The lowest threshold: a word can fire again once its score has been below it, and no score is below 0."""

MOST_SMOOTHING = 50
"""The most windows to average scores over, by an option or a model's card."""

SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 0.1, 60
"""How many seconds a model may be told to hear at once, by an option, a recipe or an exported file."""


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """Where the sound comes from."""

    device: str = option(
        "", flag="--microphone", help="Microphone, by index or by a part of its name; empty for the default one."
    )
    buffer_s: float = option(
        10.0, low=2.0, high=600.0, help="Seconds of audio that wait while the worker is busy; older audio is lost."
    )
    silence_s: float = option(
        120.0,
        low=1.0,
        high=86_400.0,
        help="Seconds of a constant value, mostly zero, after which an input counts as muted.",
    )
    realtime: bool = option(
        False,
        flag="--realtime/--no-realtime",
        help="Play files and pipes at the speed of speech, not as fast as possible.",
    )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What hears the words."""

    name: str = option(
        DEFAULT_MODEL,
        flag="--model",
        help="A shipped model's name, a model folder, a .onnx file of kwsd export, or an id on the Hub (owner/name).",
    )
    device: str = option(
        "auto",
        flag="--device",
        choices=("auto", "cuda", "cpu"),
        help="Where to compute; auto takes CUDA if it is there.",
    )
    hop_ms: int = option(
        50,
        flag="--hop",
        low=10,
        high=1000,
        step=10,
        help="Milliseconds from one scored window to the next while something sounds like a word.",
    )
    window_s: float | None = option(
        None, flag="--window", low=SHORTEST_WINDOW_S, high=LONGEST_WINDOW_S, example=1.0,
        help="Seconds that the model hears at once; unset for what it says of itself, or 1.",
    )  # fmt: skip
    verify: bool = option(
        True,
        flag="--verify/--no-verify",
        help="Also ask the model's larger networks before a word counts, if it has any.",
    )
    labels: tuple[str, ...] = option(
        (),
        flag="--labels",
        help="What a zero-shot model (CLAP) listens for, in plain English.",
        example=("a dog barking", "glass breaking"),
    )

    @property
    def hop(self) -> int:
        """Samples from one window to the next."""
        return samples_in(self.hop_ms)


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The voice activity detector that spares inference while nobody speaks."""

    enabled: bool = option(True, flag="--gate/--no-gate", help="Score windows only while somebody speaks.")
    aggressiveness: int = option(
        2, flag="--aggressiveness", low=0, high=3, help="How readily sound is taken for noise: 0 least, 3 most."
    )
    onset_ms: int = option(
        30, flag="--onset", low=10, high=1000, step=10, help="Milliseconds of speech that open the gate."
    )
    hangover_ms: int = option(
        700, flag="--hangover", low=0, high=10_000, step=10, help="Milliseconds that the gate stays open after speech."
    )
    coarse_ms: int = option(
        250,
        flag="--coarse",
        low=0,
        high=1000,
        help="Milliseconds from one scored window to the next while nothing sounds like a word, at most half of what "
        "the model hears; 0 for two hops.",
    )

    @property
    def coarse(self) -> int:
        """Samples from one scored window to the next while nothing sounds like a word."""
        return samples_in(self.coarse_ms)


@dataclass(frozen=True, slots=True)
class TriggerConfig:
    """When scores become a detection."""

    words: tuple[str, ...] = option(
        (),
        flag="--words",
        help="The words that may fire; empty for all that the model knows.",
        example=("yes", "no"),
    )
    threshold: float | None = option(
        None, flag="--threshold", low=LOWEST, high=1.0, example=0.9995,
        help="Score at which any word fires; 1 is hardly ever reached; unset for the model's own.",
    )  # fmt: skip
    smoothing: int | None = option(
        None, flag="--smoothing", low=1, high=MOST_SMOOTHING, example=3,
        help="Number of windows whose mean score counts; unset for the model's own.",
    )  # fmt: skip
    refractory_ms: int = option(
        1000, flag="--refractory", low=0, high=60_000,
        help="Milliseconds after a detection in which no other follows; of kwsd's own models, another word may.",
    )  # fmt: skip
    second_chance: bool = option(
        True, flag="--second-chance/--no-second-chance",
        help="Let a word that came close fire at a lower score if it is said again, where the model says so.",
    )  # fmt: skip
    thresholds: Mapping[str, float] = option(
        factory=dict, low=LOWEST, high=1.0, example={"go": 0.9998},
        help="Score at which a single word fires; overrides `threshold`.",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class HookConfig:
    """What runs when a word is heard."""

    timeout_s: float = option(
        10.0, flag="--hook-timeout", low=0.1, high=86_400.0, help="Seconds after which a hook is ended."
    )
    max_running: int = option(4, low=1, high=64, help="Hooks that may run at once.")
    queue: int = option(16, low=1, high=1000, help="Hooks that may wait for their turn; further ones are dropped.")
    environment: tuple[str, ...] = option(
        (),
        help="Names of further variables that hooks inherit, beside PATH, HOME and the like.",
        example=("MQTT_PASSWORD",),
        valid=lambda name: "=" not in name and "\0" not in name,
        form="names alone: their values are those of kwsd's own environment",
    )
    words: Mapping[str, tuple[tuple[str, ...], ...]] = option(
        factory=dict,
        flag="--hook",
        help="What to run when a word is heard, without a shell; * is any word.",
        example={"stop": "playerctl pause"},
    )


@dataclass(frozen=True, slots=True)
class SocketConfig:
    """The Unix socket at which other programs subscribe to events."""

    enabled: bool | None = option(
        None,
        flag="--no-socket",
        help="Serve events at a Unix socket. By default: for a microphone; for a file or a pipe with --socket.",
        example=True,
    )
    path: str = option("", flag="--socket", help="Path of the socket; empty for $XDG_RUNTIME_DIR/kwsd/events.sock.")

    @property
    def place(self) -> Path:
        """The socket's path, whether the socket is enabled or not. Raises ConfigError as `expanded` does."""
        return expanded(self.path) if self.path else socket_path()


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """Figures for Prometheus."""

    listen: str = option(
        "",
        flag="--metrics",
        valid=is_place,
        form=FORM,
        help="Where metrics are served: a port of this machine or a socket's path; empty: nowhere. "
        "For a file or a pipe by the flag alone.",
    )
    public: bool = option(False, help="Let other machines ask, if `listen` names such an address and a token is set.")
    token_file: str = option(
        "", help="A file of mode 0600 with the token that clients must send; empty: none, for this machine alone."
    )


@dataclass(frozen=True, slots=True)
class KeepConfig:
    """Recordings of what fired."""

    folder: str = option(
        "", flag="--save-detections", help="Folder for the audio around each detection; empty: none is kept."
    )
    quota_mb: int = option(100, low=1, high=1_000_000, help="Megabytes of audio to keep; the oldest goes first.")
    preroll_s: float = option(1.0, low=0.0, high=10.0, help="Seconds of audio to keep from before the word.")


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """What standard output and the log show."""

    format: str = option(
        "auto", flag="--format", choices=("auto", "text", "json"), help="auto is text on a terminal, json when piped."
    )
    events: str = option(
        "detections", flag="--events", choices=("detections", "all"), help="Print detections, or all events."
    )
    log_level: str = option(
        "info",
        flag="--log-level",
        choices=("debug", "info", "warning", "error"),
        help="The least severe messages that the log on stderr shows.",
    )
    log_format: str = option(
        "text",
        flag="--log-format",
        choices=("text", "json"),
        help="Log lines as text for people, or as JSON for programs.",
    )


@dataclass(frozen=True, slots=True)
class Config:
    """All options, a section each."""

    audio: AudioConfig = field(default_factory=AudioConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    trigger: TriggerConfig = field(default_factory=TriggerConfig)
    hooks: HookConfig = field(default_factory=HookConfig)
    socket: SocketConfig = field(default_factory=SocketConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    keep: KeepConfig = field(default_factory=KeepConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

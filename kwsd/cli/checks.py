"""What `kwsd doctor` looks at, each check a function."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from kwsd.cli import console
from kwsd.config import Config, LoadedConfig, config_path, expanded, load_config, shown, socket_path, state_folder
from kwsd.errors import ConfigError, DeviceError, KwsdError


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `status` is the exit status that a failure stands for."""

    what: str
    state: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""
    status: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


Check = Callable[[Config], Iterator[Finding]]


def examine(path: Path | None, overrides: Mapping[str, Any]) -> Iterator[Finding]:
    """All findings, one after the other. A check that raises has failed; the next ones go on."""
    try:
        loaded = load_config(path, overrides)
    except ConfigError as error:
        yield _failed("configuration", error)
        loaded = LoadedConfig(Config(), {}, None)
    else:
        where = loaded.path or f"defaults; {config_path()} is not there"
        yield Finding("configuration", "ok", str(where))
    for what, check in CHECKS.items():
        try:
            yield from check(loaded.config)
        except KwsdError as error:
            yield _failed(what, error)


def _failed(what: str, error: KwsdError) -> Finding:
    """An error's text says what happened, then after a colon or semicolon what to do."""
    return Finding(what, "fail", str(error), status=error.exit_status)


def _portaudio(config: Config) -> Iterator[Finding]:
    from kwsd.audio.microphone import find_device, input_devices

    devices = input_devices()
    yield Finding("PortAudio", "ok", f"{len(devices)} input device{'' if len(devices) == 1 else 's'}")
    try:
        found = find_device(config.audio.device or None, devices)
    except DeviceError as error:
        yield _failed("microphone", error)
    else:
        yield Finding("microphone", "ok", f"{found}, {found.default_rate:.0f} Hz")


def _detector(config: Config) -> Iterator[Finding]:
    from kwsd.spotting.gate import STEP, voice_detector

    voice_detector(config.gate.aggressiveness).is_speech(bytes(2 * STEP), 16_000)
    state = "on" if config.gate.enabled else "off: every window is scored"
    yield Finding("voice detector", "ok", f"WebRTC, the gate is {state}")


def _model(config: Config) -> Iterator[Finding]:
    with console.working("loading the model"):
        import numpy as np

        from kwsd.daemon.build import check_words, fitted
        from kwsd.zoo import load_classifier, read_card

        card = fitted(config, read_card(config.model.name))
        verified = "metadata read" if card.kind == "exported" else "checksum verified"
        yield Finding("model", "ok", f"{card.name}, {len(card.words)} words, {verified}, {card.path}")
        check_words(config, card)
        classifier = load_classifier(card, device=config.model.device)
        window = np.zeros((1, card.window), np.float32)
        began = time.perf_counter()
        scores = classifier.score(window)
        took_ms = 1000 * (time.perf_counter() - began)
    if not bool(np.isfinite(scores).all()):
        raise ConfigError(f"{card.path}: its scores are not numbers: fetch the model again")
    budget = config.model.hop_ms
    state: Literal["ok", "warn"] = "ok" if took_ms < budget else "warn"
    remedy = "" if state == "ok" else f"slower than a window every {budget} ms: raise --hop"
    yield Finding("scoring", state, f"{card.window / 16_000:g} s in {took_ms:.1f} ms on {classifier.device}", remedy)


def _gpu(config: Config) -> Iterator[Finding]:
    from kwsd.networks.devices import pick_device

    try:
        pick_device("cuda")
    except DeviceError:
        if config.model.device == "cuda":
            raise
        yield Finding("GPU", "ok", "none that torch can use; the processor is enough")
    else:
        yield Finding("GPU", "ok", "CUDA")


def _hooks(config: Config) -> Iterator[Finding]:
    from kwsd.sinks.hooks import check_program

    for word, bound in config.hooks.words.items():
        for argv in bound:
            check_program(word, argv)
    programs = [f"{word} runs {shown(argv)}" for word, bound in config.hooks.words.items() for argv in bound]
    yield Finding("hooks", "ok", "; ".join(programs) or "none")


def _socket(config: Config) -> Iterator[Finding]:
    path = expanded(config.socket.path) if config.socket.path else socket_path()
    if not config.socket.path and not os.environ.get("XDG_RUNTIME_DIR"):
        remedy = "log in through systemd, or name a path with --socket"
        yield Finding("socket", "warn", f"XDG_RUNTIME_DIR is not set; it would be {path}", remedy)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except FileNotFoundError:
            yield _writable("socket", path.parent, f"free: {path}")
        except ConnectionRefusedError:
            yield Finding("socket", "ok", f"{path} is left from a dead daemon; the next one takes it over")
        except OSError as error:
            raise DeviceError(f"{path}: {error.strerror or error}; choose another with --socket") from error
        else:
            yield Finding("socket", "ok", f"a daemon listens at {path}; see `kwsd events`")


def _folders(_: Config) -> Iterator[Finding]:
    yield _writable("state folder", state_folder(), str(state_folder()))


def _writable(what: str, folder: Path, found: str) -> Finding:
    """Whether something can be made in a folder that may have to be made itself."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding(what, "ok", found)
    return Finding(what, "fail", f"{there} cannot be written to", f"chown or chmod {there}", DeviceError.exit_status)


CHECKS: Mapping[str, Check] = {
    "PortAudio": _portaudio,
    "voice detector": _detector,
    "model": _model,
    "GPU": _gpu,
    "hooks": _hooks,
    "socket": _socket,
    "state folder": _folders,
}
"""In the order in which they are told; the exit status is that of the first that fails."""

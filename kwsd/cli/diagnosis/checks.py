"""The checks of `kwsd doctor`, one function each, and the order in which they run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kwsd.cli import console
from kwsd.cli.diagnosis.findings import Check, Finding, failed
from kwsd.cli.diagnosis.gain_control import look_at_gain_control
from kwsd.cli.diagnosis.openings import look_at_keeper, look_at_metrics, look_at_socket
from kwsd.cli.diagnosis.server_input import look_at_server_input
from kwsd.cli.microphones import microphones
from kwsd.config import (
    BY_A_SHELL,
    Config,
    LoadedConfig,
    command_line,
    config_path,
    doubt_of,
    load_config,
    unread_sign,
)
from kwsd.errors import ConfigError, DeviceError, KwsdError, is_interrupt, out_of_reach
from kwsd.samples import RATE
from kwsd.shown import several

if TYPE_CHECKING:
    from kwsd.classifier import Classifier
    from kwsd.zoo import ModelCard


_TIMED = 3
"""How many windows each network scores to be timed."""
_WORD_HOPS, _WORD_MS = 1.5, 75
"""All networks score each window of a word. Where that takes longer than so many hops, the word is late."""
_SLOW_HOP_MS, _SLOWEST_MS = 200, 250
"""The hop that is advised then, and how long all may take for it; twice that hop, if they take longer."""


def examine(path: Path | None, overrides: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield all findings as the checks run. A check that raises has failed; the following ones still run."""
    try:
        loaded = load_config(path, overrides)
    except ConfigError as error:
        yield failed("configuration", error)
        loaded = LoadedConfig(Config(), {}, None)
    else:
        where = loaded.path or f"defaults; {config_path()} does not exist"
        yield Finding("configuration", "ok", str(where))
        if doubt := doubt_of(loaded.path):
            yield Finding("configuration", "warn", *doubt)
    for what, check in CHECKS.items():
        try:
            yield from check(loaded.config)
        except KwsdError as error:
            if is_interrupt(error):
                raise
            yield failed(what, error)
        except OSError as error:
            if not (where := out_of_reach(error)):  # a shortage of the whole machine: further checks make no sense
                raise
            yield failed(what, DeviceError(where))


def _portaudio(config: Config) -> Iterator[Finding]:
    from kwsd.audio.capture.devices import find_device

    devices = microphones()
    yield Finding("PortAudio", "ok", several(len(devices), "input device"))
    try:
        found = find_device(config.audio.device or None, devices)
    except DeviceError as error:
        yield failed("microphone", error)
    else:
        yield Finding("microphone", "ok", f"{found}, {found.default_rate:.0f} Hz")
        yield from look_at_server_input(found, devices)


def _detector(config: Config) -> Iterator[Finding]:
    if not config.gate.enabled:  # then listening does without the library, too
        yield Finding("voice detector", "ok", "not used, as the gate is off: silence is scored, too")
        return
    import numpy as np

    from kwsd.spotting.vad import STEP, StepDetector

    StepDetector(config.gate.aggressiveness).feed(np.zeros(STEP, np.int16))
    yield Finding("voice detector", "ok", "WebRTC, the gate is on")


def _model(config: Config) -> Iterator[Finding]:
    with console.working("reading the model"):  # findings are printed outside, when no spinner is shown
        from kwsd.fitting import check_words, fitted
        from kwsd.zoo import load_classifier, read_card

        card = fitted(config, read_card(config.model.name))
    yield Finding("model", "ok", f"{card.name}, {several(len(card.words), 'word')}, {_verified(card)}, {card.path}")
    try:
        check_words(config, card)
    except ConfigError as error:  # what follows is about the model all the same
        yield failed("words", error)
    with console.working("loading the model"):
        classifier = load_classifier(card, device=config.model.device)
        took_ms = all_ms = _scoring_ms(classifier, card.heard)  # silence, about which no verifier is asked
        told = f"{card.window / RATE:g} s in {took_ms:.1f} ms on {classifier.device}"
        for verifier, heard in _verifiers(classifier):
            asked_ms = _scoring_ms(verifier, heard)
            all_ms += asked_ms
            told += f"; verifier {verifier.name}, only for likely words, {heard / RATE:g} s in {asked_ms:.1f} ms"
    budget = max(config.model.hop_ms, config.gate.coarse_ms) // 2  # beyond it talk leaves no time for a word
    state: Literal["ok", "warn"] = "ok" if took_ms < budget else "warn"
    remedy = "" if state == "ok" else f"slower than one window in {budget} ms: raise --hop and --coarse"
    if card.verifier and all_ms > max(_WORD_HOPS * config.model.hop_ms, _WORD_MS):
        hop_ms = _SLOW_HOP_MS if all_ms < _SLOWEST_MS else 2 * _SLOW_HOP_MS
        if config.model.hop_ms < hop_ms:
            state, remedy = "warn", f"words are heard late: use --hop {hop_ms} --smoothing 1"
    yield Finding("scoring", state, told, remedy)


def _verified(card: ModelCard) -> str:
    """What reading the card has verified, in words."""
    from kwsd.cards.card_file import read_card_file
    from kwsd.cards.names import CARD

    if card.kind == "exported":
        return "metadata read"
    return "checksum verified" if read_card_file(card.path / CARD)["sha256"] else "no checksum to verify"


def _verifiers(classifier: Classifier) -> Iterator[tuple[Classifier, int]]:
    """The networks of the verifier and of its own one, each with the samples that it hears."""
    from kwsd.networks.cascade import Cascade

    while isinstance(classifier, Cascade):
        heard, second = classifier.hear[1], classifier.second
        yield (second.first, second.hear[0]) if isinstance(second, Cascade) else (second, heard)
        classifier = second


def _scoring_ms(classifier: Classifier, samples: int) -> float:
    """Milliseconds to score one window of `samples` zeros: the fastest of a few, as other programs may hold one up."""
    import numpy as np

    window, took_s = np.zeros((1, samples), np.float32), []
    for _ in range(_TIMED):
        began = time.perf_counter()
        classifier.score(window)
        took_s.append(time.perf_counter() - began)
    return 1000 * min(took_s)


def _torch(config: Config) -> Iterator[Finding]:
    del config
    from importlib import metadata

    try:
        yield Finding("torch", "ok", metadata.version("torch"))
    except metadata.PackageNotFoundError:
        yield Finding("torch", "ok", "not installed; kwsd's own models and exported ones run without it")


def _gpu(config: Config) -> Iterator[Finding]:
    from kwsd.networks.devices import pick_device

    if config.model.device == "cpu":
        yield Finding("GPU", "ok", "not used, by model.device (--device)")
        return
    try:
        pick_device("cuda")
    except DeviceError as error:
        if config.model.device == "cuda":
            raise
        yield Finding("GPU", "ok", f"none is used ({error.what}); the CPU is enough")
    else:
        yield Finding("GPU", "ok", "CUDA; for one microphone the processor (--device cpu) takes less memory and power")


def _hooks(config: Config) -> Iterator[Finding]:
    from kwsd.daemon.build import hooks_by_word
    from kwsd.sinks.programs import check_programs

    hooks_by_word(config)  # which variables they may have
    check_programs(config.hooks.words)
    for word, bound in config.hooks.words.items():
        for sign in filter(None, map(unread_sign, bound)):
            yield Finding(
                "hooks", "warn", f"{word} runs a command with {sign!r}, which only a shell understands", BY_A_SHELL
            )
    programs = [f"{word} runs {command_line(argv)}" for word, bound in config.hooks.words.items() for argv in bound]
    yield Finding("hooks", "ok", "; ".join(programs) or "none")


CHECKS: Mapping[str, Check] = {
    "PortAudio": _portaudio,
    "gain control": look_at_gain_control,
    "voice detector": _detector,
    "model": _model,
    "torch": _torch,
    "GPU": _gpu,
    "hooks": _hooks,
    "socket": look_at_socket,
    "metrics": look_at_metrics,
    "saved detections": look_at_keeper,
}
"""The checks in the order in which they run; the exit status is that of the first that fails."""

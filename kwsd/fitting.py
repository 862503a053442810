"""How a configuration applies to a model: its window, labels, verifier, thresholds, and gate and trigger settings."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from kwsd.config import Config, nearest
from kwsd.errors import ConfigError
from kwsd.labels import ANY_WORD, enumerated, unclear
from kwsd.samples import RATE
from kwsd.spotting.gate import GateSettings
from kwsd.spotting.settings import SpottingSettings
from kwsd.spotting.trigger import TriggerSettings
from kwsd.zoo import DEFAULT_THRESHOLD, ModelCard

log = logging.getLogger(__name__)

_HOP, _LABELS, _WINDOW = "model.hop_ms (--hop)", "model.labels (--labels)", "model.window_s (--window)"


def fitted(config: Config, card: ModelCard) -> ModelCard:
    """The card with the window, the verifier and, for a zero-shot model, the labels that the configuration asks for.

    Raises:
        ConfigError: the model does not take a window of that length, or the hop is longer than what its scores are
            about; a zero-shot model gets fewer than two labels or ambiguous ones, or another model gets any.
    """
    chosen = config.model
    window = card.window if chosen.window_s is None else round(chosen.window_s * RATE)
    if card.kind == "exported" and window != card.window:
        raise ConfigError(
            f"{_WINDOW} is {window / RATE:g} s, but {card.name} was exported for {card.window / RATE:g} s;",
            "leave it out",
        )
    if card.longest is not None and window > card.longest:
        raise ConfigError(
            f"{_WINDOW} is {window / RATE:g} s, but {card.name} takes at most {card.longest / RATE:g} s;", "shorten it"
        )
    spoken = card.spoken and max(card.spoken, window - (card.window - card.spoken))  # the context before it is kept
    hearing = replace(card, window=window, spoken=spoken)
    if chosen.hop > hearing.about:
        length_ms = 1000 * hearing.about / RATE
        told = f"{_HOP} is {chosen.hop_ms} ms, but the scores of {card.name} are about {length_ms:g} ms of sound;"
        raise ConfigError(told, f"set it to {length_ms // 10 * 10:g} or less")  # hops are in steps of 10 ms
    doubt_smoothing(config, hearing)
    if card.kind != "zero-shot":
        if chosen.labels:
            raise ConfigError(
                f"{_LABELS} is only for zero-shot models (CLAP), but {card.name} has its own labels;",
                "leave it out (kwsd listen --words chooses among the model's)",
            )
        verifier = card.verifier if chosen.verify and window == card.window else None
        if card.kind == "kwsd" and window != card.window:
            alone = f"; its verifier {card.verifier.model} is not used" if card.verifier and chosen.verify else ""
            said = f"{_WINDOW} is %g s, but %s was trained on windows of %g s and may hear no word in others%s"
            log.warning(said, window / RATE, card.name, card.window / RATE, alone)
        return replace(hearing, verifier=verifier)
    if len(chosen.labels) < 2:
        raise ConfigError(
            f"{card.name} is a zero-shot model, which needs two or more labels",
            f"set {_LABELS}, such as --labels 'a dog barking, glass breaking'; _unknown_ and _silence_ never fire",
        )
    if what := unclear(chosen.labels):
        raise ConfigError(f"{_LABELS}: {what};", "use another description")
    thresholds = dict.fromkeys(chosen.labels, DEFAULT_THRESHOLD)
    return replace(hearing, labels=chosen.labels, thresholds=thresholds)


def doubt_smoothing(config: Config, card: ModelCard) -> None:
    """Warn where scores are averaged over more windows than most words span."""
    smoothing = config.trigger.smoothing or card.smoothing
    if 2 * (smoothing - 1) * config.model.hop >= card.about:
        said = "averaging over %d windows (--smoothing), %d ms apart (--hop), misses most words; lower one of the two"
        log.warning(said, smoothing, config.model.hop_ms)


def check_words(config: Config, card: ModelCard) -> None:
    """Raise ConfigError for a word in the configuration that the model does not know, or a model without any word."""
    if not card.words:
        remedy = f"name a sound in {_LABELS}" if card.kind == "zero-shot" else "use another model"
        raise ConfigError(f"{card.name} has no label that can fire, only {enumerated(card.labels)};", remedy)
    named: dict[str, Iterable[str]] = {
        "trigger.words (--words)": config.trigger.words,
        "trigger.thresholds": config.trigger.thresholds,
        "hooks.words (--hook)": [word for word in config.hooks.words if word != ANY_WORD],
    }
    for where, words in named.items():
        for word in words:
            if word not in card.words:
                hint = _divided(word, card) or _only_in_file(word, card) or nearest(word, card.words)
                hint = hint or f"it knows {enumerated(card.words)}"
                raise ConfigError(f"{where}: the model {card.name} does not know {word!r};", hint)
    for word in config.hooks.words:
        if config.trigger.words and word not in (*config.trigger.words, ANY_WORD):
            log.warning("the hook for %r never runs: add the word to trigger.words (--words), or remove the hook", word)


def _divided(words: str, card: ModelCard) -> str:
    """A hint for several words of the model that were written as one, with spaces or semicolons between; else ""."""
    parts = words.replace(";", " ").split()
    return f"did you mean {','.join(parts)!r}?" if len(parts) > 1 and {*parts} <= {*card.words} else ""


def _only_in_file(word: str, card: ModelCard) -> str:
    """A hint for a part of a label that flags split, else "": "Child speech, kid speaking" is two for --words."""
    for label in card.words:
        parts = {part.strip() for sign in (",", "=") for part in label.split(sign)}
        if word in parts:
            return f"{label!r} can be named only in the configuration file"
    return ""


def spotting_settings(config: Config, card: ModelCard) -> SpottingSettings:
    """The settings with which the daemon listens, for a fitted model."""
    gate = config.gate
    return SpottingSettings(
        trigger=trigger_settings(config, card),
        gate=GateSettings(gate.aggressiveness, gate.onset_ms, gate.hangover_ms),
        gated=gate.enabled,
        hop=config.model.hop,
        window=card.heard,
        about=card.about,
        coarse=min(gate.coarse, card.about // 2),  # between windows that are further apart, words are lost
    )


def trigger_settings(config: Config, card: ModelCard) -> TriggerSettings:
    """The trigger's settings, for a model."""
    chosen = config.trigger
    smoothing = chosen.smoothing or card.smoothing
    return TriggerSettings(
        thresholds(config, card),
        smoothing,
        chosen.refractory_ms,
        card.substitution,
        card.latest_ms,
        card.second_chance if chosen.second_chance else 0.0,
    )


def thresholds(config: Config, card: ModelCard) -> dict[str, float]:
    """The words that may fire, each with its threshold: its own, else the one for all, else the model's."""
    chosen = config.trigger
    words = chosen.words or card.words
    general = card.firing if chosen.threshold is None else dict.fromkeys(words, chosen.threshold)
    return {word: chosen.thresholds.get(word, general[word]) for word in words}

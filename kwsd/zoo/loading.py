"""Loads the classifier of a card, on the engine that its files and the machine allow; only that one is imported.

If a folder has a graph.onnx, ONNX Runtime computes the same weights without torch.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from kwsd.cards.exported import read_exported
from kwsd.cards.model_card import ModelCard
from kwsd.cards.names import GRAPH
from kwsd.cards.reading import own_window
from kwsd.cards.verifier import Verifier
from kwsd.classifier import Classifier, check_scores
from kwsd.errors import ConfigError, ModelError, importing_torch
from kwsd.samples import RATE
from kwsd.zoo.finding import verifier_card


def load_classifier(
    card: ModelCard, *, device: str = "auto", any_length: bool = False, on_torch: bool = False
) -> Classifier:
    """The classifier behind a card, warmed up on `device` ("auto", "cuda" or "cpu").

    On the CPU, ONNX Runtime is used if the folder has a graph for windows of the card's length; neither torch nor
    transformers is then imported. With `any_length` it takes windows of any length, so that neither a graph nor a
    verifier is used. With `on_torch`, no graph is used.

    Raises:
        ModelError: its scores are not finite.
        ModelError, DeviceError: see `kwsd.networks.devices.pick_device`, `kwsd.networks.torch_classifier.load_own` and
            `kwsd.networks.onnx_loading.load_onnx`.
        DeviceError: kwsd was installed without torch, and nothing else runs this model.
        FileNotFoundError: torch is needed, and the current folder is gone.
        ConfigError: an exported model is to run on a GPU.
    """
    if card.kind == "exported":
        if device == "cuda":
            raise ConfigError(
                f"model.device (--device) is cuda, but {card.path} runs only on the CPU;",
                "use auto or cpu, or name the folder of the model that it was exported from",
            )
        from kwsd.networks.onnx_loading import load_exported

        return _tried(load_exported(*read_exported(card.path), str(card.path)), card)
    from kwsd.networks.devices import pick_device

    device = pick_device(device)
    if card.kind == "zero-shot":
        with _importing_torch(card):
            from kwsd.networks.clap import load_zero_shot

        return _tried(load_zero_shot(card.path, card.name, card.labels, card.window, device), card)
    if card.kind == "classifier":
        with _importing_torch(card):
            from kwsd.networks.auto_classifier import load_auto

        return _tried(load_auto(card.path, card.name, card.window, device, card.longest), card)
    drawn = not (any_length or on_torch)
    first = _own(card, device, drawn=drawn)
    if card.verifier is None or any_length:
        return first
    return _verified(first, card, card.verifier, device, drawn=drawn)


def _verified(first: Classifier, card: ModelCard, verifier: Verifier, device: str, *, drawn: bool) -> Classifier:
    """The network in a cascade with its verifier, which may have one itself. Raises ModelError where two do not fit."""
    from kwsd.networks.cascade import Cascade

    second = verifier_card(card, verifier.model)
    if (second.heard, second.about) != (verifier.window, card.about):
        lengths = f"{second.about / RATE:g} s of sound, not {card.about / RATE:g} s"
        raise ModelError(f"{second.name} cannot verify {card.name}: it scores {lengths};", "use --no-verify")
    judge, hear = _own(second, device, drawn=drawn), (card.window, second.heard)
    if second.verifier is not None:
        judge = _verified(judge, second, second.verifier, device, drawn=drawn)
    return Cascade(first, judge, asked_from=verifier.asked_from, weight=verifier.weight, hear=hear)


def _own(card: ModelCard, device: str, *, drawn: bool) -> Classifier:
    """One of kwsd's own networks; on ONNX Runtime if `drawn` allows a graph and there is one that fits."""
    fits = (card.path / GRAPH).is_file() and card.window == own_window(card.path)
    if device == "cpu" and drawn and fits:
        from kwsd.networks.onnx_loading import load_onnx

        return _tried(load_onnx(card.path, card.name, card.labels), card)
    with _importing_torch(card):
        from kwsd.networks.torch_classifier import load_own

    return _tried(load_own(card.path, card.name, device), card)


def _importing_torch(card: ModelCard) -> AbstractContextManager[None]:
    return importing_torch(f"{card.name} needs torch and transformers to run like this")


def _tried(classifier: Classifier, card: ModelCard) -> Classifier:
    """The classifier, once its scores for a window of noise are checked; a diverged network may pass on silence."""
    noise = (0.1 * np.sin(np.arange(card.window) ** 2.0)).astype(np.float32)[None]  # numpy.random would cost 7 MB
    check_scores(classifier.score(noise), str(card.path))
    return classifier

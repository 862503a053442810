"""Exports a model to self-contained ONNX files, with weights, preprocessing, and the metadata that `--model` needs."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

import onnx

from kwsd.cards.exported import Exported, exported_of
from kwsd.cards.foreign import SINGLE
from kwsd.cards.model_card import ModelCard
from kwsd.cards.onnx_file import parse_onnx
from kwsd.classifier import Classifier
from kwsd.errors import ModelError
from kwsd.exporting.agreement import Agreement, agreement, sounds
from kwsd.exporting.graph import filled
from kwsd.exporting.own_graph import drawing
from kwsd.exporting.tracing import rounded, trace, traced
from kwsd.exporting.zero_shot import zero_shot_network
from kwsd.networks.auto_classifier import load_auto
from kwsd.networks.clap import load_zero_shot
from kwsd.networks.onnx_loading import load_exported
from kwsd.networks.torch_classifier import load_own
from kwsd.samples import RATE

_LEVELS = 63
"""Quantisation levels that overflow on no processor, since the file may be run anywhere.

See `quantisation_levels` in `kwsd.networks.onnx_loading`."""

_ALONE = "_without_verifier"
"""The suffix of a card's figures that were measured without the verifier."""


def as_files(card: ModelCard) -> Mapping[str, bytes]:
    """The files "float32" and "int8" of the model in the card's folder, for windows of the card's length.

    The card of a zero-shot model must have the labels to tell apart.

    Raises:
        ModelError: the model cannot be built as a graph or traced, the window is no whole number of samples at the
            model's own rate, or the model is larger than an ONNX file can be.
    """
    window = card.window * card.rate // RATE
    if window * RATE != card.window * card.rate:
        what = f"at {card.name}'s {card.rate} Hz, {card.window / RATE:g} s are not a whole number of samples;"
        raise ModelError(what, f"set --window to a multiple of {1 / gcd(RATE, card.rate):g} s")
    problem = SINGLE
    if card.kind == "kwsd":
        exact, coarse = (filled(*drawing(card.path, quantised=q, levels=_LEVELS)) for q in (False, True))
    else:
        if card.kind == "zero-shot":
            network = zero_shot_network(card.path, card.name, card.labels, window)
            exact = traced(network, window, card.name, len(card.labels))
        else:
            exact, problem = trace(card.path, card.name, window)
        coarse = rounded(exact)
    contract = Exported(
        name=card.name,
        labels=card.labels,
        rate=card.rate,
        window=window,
        problem_type=problem,
        licence=card.licence or "unknown",
        thresholds=card.thresholds,
        scores=_own_scores(card),
        smoothing=card.smoothing,
        substitution=card.substitution,
        latest_ms=card.latest_ms,
        second_chance=card.second_chance,
        about=None if card.spoken is None else card.spoken * card.rate // RATE,
    )
    return {"float32": _with(exact, contract), "int8": _with(coarse, contract)}


def _own_scores(card: ModelCard) -> Mapping[str, Any]:
    """The figures of the network alone: those that were measured with a verifier do not apply to the file."""
    if card.verifier is None:
        return card.scores
    return {key.removesuffix(_ALONE): value for key, value in card.scores.items() if key.endswith(_ALONE)}


def check(card: ModelCard, files: Mapping[str, bytes]) -> Agreement:
    """Compare the files' scores with those of the model in the folder.

    Raises:
        ModelError: they differ by more than the tolerance in single precision, or a file cannot be run.
    """
    original: Classifier
    if card.kind == "kwsd":
        original = load_own(card.path, card.name, "cpu")
    elif card.kind == "zero-shot":
        original = load_zero_shot(card.path, card.name, card.labels, card.window, "cpu")
    else:
        original = load_auto(card.path, card.name, card.window, "cpu", card.longest)
    exact, coarse = (load_exported(exported_of(parse_onnx(data), kind), data, kind) for kind, data in files.items())
    return agreement(card.name, original, exact, coarse, sounds(card.window))


def _with(model: onnx.ModelProto, contract: Exported) -> bytes:
    del model.metadata_props[:]
    for key, value in contract.to_metadata().items():
        model.metadata_props.add(key=key, value=value)
    try:
        return bytes(model.SerializeToString())
    except Exception as error:  # protobuf's own, whose class depends on its build
        raise ModelError(f"{contract.name} does not fit into an ONNX file of at most 2 GB ({error})") from error

"""Carries out `kwsd export`. Imports torch and onnx, so `export` imports this module only when it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kwsd.cards.card_writing import read_raw_card, write_card
from kwsd.cards.hub import hub_id
from kwsd.cards.names import GRAPH, WEIGHTS
from kwsd.cli import console
from kwsd.cli.fetching import pull_if_missing
from kwsd.config import load_config
from kwsd.errors import ConfigError, ModelError, UsageError, writing
from kwsd.exporting.agreement import compare
from kwsd.exporting.onnx_files import as_files, check
from kwsd.exporting.own_graph import drawing
from kwsd.fitting import fitted
from kwsd.labels import is_printable
from kwsd.replacing import try_folder, write_bytes
from kwsd.samples import RATE
from kwsd.zoo import find_model, read_card

if TYPE_CHECKING:
    from kwsd.exporting.agreement import Agreement
    from kwsd.zoo import ModelCard


def export(model: str, out: Path | None, window_s: float | None = None, labels: str | None = None) -> None:
    """Carry out `kwsd export`.

    Raises:
        ModelError, UsageError, ConfigError: the model cannot be exported, or not with these options.
        OutputError, DeviceError: the files cannot be written.
    """
    if labels is not None and out is None:
        raise UsageError("--labels, for a zero-shot model (CLAP), needs --out DIR;", "give both, or leave it out")
    pull_if_missing(model)
    folder = find_model(model)  # raises for a model that is itself exported
    if out is None:
        paths, found = [folder / GRAPH], _graph(model, folder, window_s)
    else:
        card = _chosen(_told(read_card(model), labels), window_s)
        try_folder(out)
        with console.working("drawing"):
            files = as_files(card)
        with console.working("comparing with the original"):
            found = check(card, files)
        paths = _written(out, short_name(card.name), files)
        if card.verifier is not None:
            console.say(f"exported {card.name} without its verifier {card.verifier.model}, with its own thresholds")
    for path in paths:
        console.say(f"{path}: {path.stat().st_size:,} bytes")
    console.say(f"float32: off by {found.float32:.1g} at most")
    console.say(f"int8: off by {found.int8:.2g} at most, the same best label on {found.same:.0%} of the sounds")


def short_name(name: str) -> str:
    """The stem of the files' names: for a model of the Hub, its name without owner and revision."""
    found = hub_id(name)
    return (found.repo if found else name).rpartition("/")[2]


def _graph(model: str, folder: Path, window_s: float | None) -> Agreement:
    """Write graph.onnx into the folder of one of kwsd's own models."""
    if window_s is not None:
        raise UsageError("--window does not apply to graph.onnx;", "give it with --out DIR, or leave it out")
    try:
        drawn = {kind: drawing(folder, quantised=kind == "int8")[0] for kind in ("float32", "int8")}
    except ModelError as error:
        if read_card(model).kind == "kwsd":
            raise
        raise UsageError(
            f"{model}: graph.onnx is only for kwsd's own networks;", "use --out DIR for this one"
        ) from error
    read_raw_card(folder)  # raises now if the card cannot be updated after the graph
    with console.working("comparing with the original"):
        found = compare(folder, *(graph.SerializeToString() for graph in drawn.values()))
    with writing(folder):
        write_card(folder, {}, [WEIGHTS])  # a kill after the next line leaves a graph that no checksum contradicts
        write_bytes(folder / GRAPH, drawn["int8"].SerializeToString())
        write_card(folder, {})
    return found


def _told(card: ModelCard, labels: str | None) -> ModelCard:
    """The card; for a zero-shot model, with the labels that are asked for. Raises ConfigError for unusable labels."""
    if card.kind == "zero-shot":
        card = fitted(load_config(Path(os.devnull), {"model.labels": labels or ""}).config, card)
        odd = next((label for label in card.labels if not is_printable(label)), None)
        if odd is not None:  # kwsd would refuse to open the file
            raise ConfigError(f"--labels: {odd!r} contains control characters;", "remove them")
        return card
    if labels is not None:
        raise ConfigError(
            f"--labels is only for zero-shot models (CLAP), but {card.name} has its own labels;", "leave it out"
        )
    return card


def _chosen(card: ModelCard, window_s: float | None) -> ModelCard:
    """The card with the window that is asked for."""
    if window_s is None:
        return card
    window = round(window_s * RATE)
    if card.kind == "kwsd" and window != card.window:
        raise ConfigError(
            f"--window is {window_s:g} s, but {card.name} was trained on {card.window / RATE:g} s;", "leave it out"
        )
    if card.longest is not None and window > card.longest:
        raise ConfigError(
            f"--window is {window_s:g} s, but {card.name} takes at most {card.longest / RATE:g} s;", "shorten it"
        )
    return replace(card, window=window)


def _written(out: Path, name: str, files: Mapping[str, bytes]) -> list[Path]:
    paths = [out / f"{name}-{kind}.onnx" for kind in files]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for path, data in zip(paths, files.values(), strict=True):
            write_bytes(path, data)
    return paths

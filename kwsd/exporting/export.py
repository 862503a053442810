"""Writes the folders of kwsd's own models: weights in half precision, what transformers and ONNX Runtime need beside
them, and the card, which `kwsd.training.adopting` has too."""

from __future__ import annotations

import copy
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, Wav2Vec2FeatureExtractor
from transformers.utils.logging import disable_progress_bar

from kwsd.cards.card_file import DEFAULT_SMOOTHING, checksum
from kwsd.cards.folder import read_json
from kwsd.cards.names import CARD, GRAPH, LARGER_TYPE, WEIGHTS
from kwsd.errors import ModelError, first_line
from kwsd.exporting.graph import draw
from kwsd.networks.arrangement import arrange
from kwsd.networks.eight_bits import compacted
from kwsd.networks.heads import SpotterModel
from kwsd.networks.hubert import HubertSpotterConfig
from kwsd.networks.loading import MISFITS
from kwsd.networks.moonshine import MoonshineSpotterConfig
from kwsd.networks.offsets import add
from kwsd.replacing import write_bytes

log = logging.getLogger(__name__)

UNCHOSEN: Mapping[str, Any] = {
    "thresholds": {}, "smoothing": DEFAULT_SMOOTHING, "substitution": 1.0, "latest_ms": None, "verifier": None,
}  # fmt: skip
"""What a card says of weights for which nothing has been chosen: what an earlier card has was chosen for others."""


def export_model(
    model: SpotterModel,
    folder: Path,
    *,
    name: str,
    licence: str,
    scores: Mapping[str, Any] | None = None,
    offsets: Mapping[str, float] | None = None,
) -> None:
    """Write `model` to `folder`, which `kwsd listen --model`, `kwsd eval` and plain transformers then load.

    Files that are there already and are none of the model's own (a README, the recipe, licences) stay. Thresholds and
    the verifier of an earlier card stay where the weights have not changed. `offsets` are added to the logits of the
    labels that they name (see `kwsd.networks.offsets`). Raises ModelError where the earlier card is none.
    """
    earlier = card_as_it_lies(folder)
    half: Any = copy.deepcopy(model)
    add(half, offsets or {})
    half.to("cpu", torch.float16)
    compact = half.config.model_type == LARGER_TYPE  # in half precision it would be too large to ship
    extractor = Wav2Vec2FeatureExtractor(  # type: ignore[no-untyped-call]  # transformers ships no types for it
        sampling_rate=model.config.sampling_rate, do_normalize=False, return_attention_mask=False
    )
    with replacing_model(folder) as scratch:
        half.save_pretrained(scratch)
        if compact:
            weights = scratch / WEIGHTS
            save_file(compacted(load_file(weights)), weights, metadata={"format": "pt"})
        extractor.save_pretrained(scratch)
    try:
        write_graph(folder)
    except ModelError as error:
        (folder / GRAPH).unlink(missing_ok=True)  # an earlier network's
        log.warning("%s: %s", folder, error)
    same = earlier.get("sha256", {}).get(WEIGHTS) == checksum(folder / WEIGHTS)
    chosen = {key: earlier[key] for key in UNCHOSEN if key in earlier} if same else {}
    write_card(folder, {"name": name, "licence": licence, "scores": dict(scores or {}), **UNCHOSEN, **chosen})


@contextmanager
def replacing_model(folder: Path) -> Iterator[Path]:
    """A new folder to save a network in, whose files take the places of those in `folder` once all are written. It lies
    in there: what is beside it may be another disk, or somebody else's.

    Whatever the weights are stored in, they are computed in single precision: transformers loads what the config says.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]  # standard error is the log
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as scratch:
        yield Path(scratch)
        config = Path(scratch) / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "float32"}, indent=2) + "\n")
        for file in sorted(Path(scratch).iterdir()):
            file.chmod(0o644)
            os.replace(file, folder / file.name)


def write_graph(folder: Path) -> None:
    """Draw the network in `folder` as graph.onnx, whose weights are those of the model.safetensors beside it.

    The card's checksum of an earlier one is not touched: `write_card` follows.

    Raises:
        ModelError: the network has something that the drawing does not know.
    """
    graph, _ = drawing(folder, quantised=True)
    write_bytes(folder / GRAPH, graph.SerializeToString())


def drawing(folder: Path, *, quantised: bool, levels: int = 127) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """The network in `folder` as a graph without weights, and the weights that belong to it, by name.

    Raises:
        ModelError: there is no such network, or it has something that the drawing does not know.
    """
    try:
        config = _own_config(folder)
        initializers = arrange(load_file(folder / WEIGHTS), config.to_dict(), quantised=quantised, levels=levels)
        return draw(config, initializers), initializers
    except MISFITS as error:
        raise ModelError(f"{folder}: no classifier of kwsd that could be exported ({first_line(error)})") from error


def _own_config(folder: Path) -> HubertSpotterConfig | MoonshineSpotterConfig:
    """Raises ValueError for anybody else's."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if isinstance(config, (HubertSpotterConfig, MoonshineSpotterConfig)):
        return config
    raise ValueError(f"it is a {config.model_type}")


def write_card(folder: Path, changes: Mapping[str, Any]) -> None:
    """Put `changes` into the folder's card.json, with the checksums of weights and graph as they lie there now.

    Raises ModelError where the card that is there is none.
    """
    card = card_as_it_lies(folder) | dict(changes)
    card["sha256"] = {name: checksum(folder / name) for name in (WEIGHTS, GRAPH) if (folder / name).is_file()}
    write_bytes(folder / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())


def card_as_it_lies(folder: Path) -> dict[str, Any]:
    """The folder's card.json as it is; empty where there is none.

    Raises ModelError where it is cut off, or no card. Who is to write a model there after long work asks before it.
    """
    path = folder / CARD
    try:
        card = read_json(path) if path.exists() else {}
    except ModelError as error:
        raise ModelError(error.what, "repair or remove it") from error
    if not isinstance(card.get("sha256", {}), dict):
        raise ModelError(f"{path}: sha256 is no table", "repair or remove it")
    return card

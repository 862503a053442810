"""Writes the network of one of kwsd's own models as an ONNX graph without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from safetensors.numpy import load_file
from transformers import AutoConfig

from kwsd.cards.names import GRAPH, WEIGHTS
from kwsd.errors import ModelError, first_line
from kwsd.exporting.graph import OwnConfig, draw
from kwsd.networks.loading import MISFITS, SAFELY, quiet
from kwsd.networks.onnx_weights import arrange
from kwsd.replacing import write_bytes


def write_graph(folder: Path) -> None:
    """Write the network in `folder` as graph.onnx, whose weights are those of the model.safetensors beside it.

    The card's checksum of an earlier graph is not updated: call `write_card` afterwards.

    Raises:
        ModelError: there is no such network, or it has a part that graphs do not implement.
    """
    graph, _ = drawing(folder, quantised=True)
    write_bytes(folder / GRAPH, graph.SerializeToString())


def drawing(folder: Path, *, quantised: bool, levels: int = 127) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """The network in `folder` as a graph without weights, and its weights by name.

    Raises:
        ModelError: there is no such network, or it has a part that graphs do not implement.
    """
    try:
        config = _own_config(folder)
        initializers = arrange(load_file(folder / WEIGHTS), config.to_dict(), quantised=quantised, levels=levels)
        return draw(config, initializers), initializers
    except MISFITS as error:
        raise ModelError(f"{folder} is not one of kwsd's own models, or is damaged ({first_line(error)})") from error


def _own_config(folder: Path) -> OwnConfig:
    """The configuration of kwsd's own network. Raises ValueError for any other network's."""
    with quiet():
        config = AutoConfig.from_pretrained(folder, **SAFELY)
    if isinstance(config, OwnConfig):
        return config
    raise ValueError(f"it is a {config.model_type}")

"""Builds the ONNX graph of one of kwsd's networks, without weights; only `kwsd.exporting` imports onnx.

`torch.onnx` would export the same network with ten times the nodes, and with its weights. This graph uses the operators
that ONNX Runtime computes fastest on a processor (some are its own, in the domain com.microsoft), and refers to weights
by name: `kwsd.networks.onnx_weights` makes them from model.safetensors. Each encoder has a module of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from kwsd.cards.names import OUTPUT
from kwsd.exporting import hubert_graph, moonshine_graph, whisper_graph
from kwsd.exporting.graph_builder import GraphBuilder
from kwsd.exporting.graph_parts import heads
from kwsd.networks.heads import label_names
from kwsd.networks.hubert import HubertSpotterConfig
from kwsd.networks.moonshine import MoonshineSpotterConfig
from kwsd.networks.whisper import WhisperSpotterConfig

OwnConfig = HubertSpotterConfig | MoonshineSpotterConfig | WhisperSpotterConfig


def draw(config: OwnConfig, initializers: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """The graph of one of kwsd's networks: windows (batch, window_samples) float32 -> scores (batch, labels) float32.

    `initializers` (of `arrange`) give the weights' names and shapes, and which are quantised; the graph has only names.

    Raises:
        ModelError: the configuration asks for something that is not implemented here.
    """
    builder = GraphBuilder(initializers)
    if isinstance(config, MoonshineSpotterConfig):
        frames = moonshine_graph.encoder(builder, config)
    elif isinstance(config, WhisperSpotterConfig):
        frames = whisper_graph.encoder(builder, config)
    else:
        frames = hubert_graph.encoder(builder, config)
    builder.add("Identity", heads(builder, config, frames), output=OUTPUT)
    return builder.model((config.window_samples,), (len(label_names(config)),))


def filled(model: onnx.ModelProto, initializers: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """The graph with its weights inside, for use without a model folder."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    for tensor in whole.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor.CopyFrom(numpy_helper.from_array(initializers[tensor.name], tensor.name))
    return whole

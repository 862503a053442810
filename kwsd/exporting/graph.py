"""Builds the network's ONNX graph without weights; only `kwsd.exporting` imports onnx.

`torch.onnx` would export the same network with ten times the nodes, and with its weights. This graph uses the operators
that ONNX Runtime computes fastest on a processor (some are its own, in the domain com.microsoft), and refers to weights
by name: `kwsd.networks.onnx_weights` makes them from model.safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from kwsd.cards.names import INPUT, OUTPUT
from kwsd.errors import ModelError
from kwsd.exporting import moonshine_graph
from kwsd.exporting.graph_builder import OWN, GraphBuilder
from kwsd.exporting.graph_parts import convolved, heads, places
from kwsd.networks.heads import label_names
from kwsd.networks.hubert import HubertSpotterConfig
from kwsd.networks.moonshine import MoonshineSpotterConfig
from kwsd.networks.onnx_weights import BIAS


def draw(
    config: HubertSpotterConfig | MoonshineSpotterConfig, initializers: Mapping[str, NDArray[Any]]
) -> onnx.ModelProto:
    """The graph of one of kwsd's networks: windows (batch, window_samples) float32 -> scores (batch, labels) float32.

    `initializers` (of `arrange`) give the weights' names and shapes, and which are quantised; the graph has only names.

    Raises:
        ModelError: the configuration asks for something that is not implemented here.
    """
    sheet = GraphBuilder(initializers)
    if isinstance(config, MoonshineSpotterConfig):
        frames = moonshine_graph.encoder(sheet, config)
    else:
        _check(config)
        frames = _encoder(sheet, config, _front_end(sheet, config))
    sheet.add("Identity", heads(sheet, config, frames), output=OUTPUT)
    return sheet.model((config.window_samples,), (len(label_names(config)),))


def filled(model: onnx.ModelProto, initializers: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """The graph with its weights inside, for use without a model folder."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    for tensor in whole.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor.CopyFrom(numpy_helper.from_array(initializers[tensor.name], tensor.name))
    return whole


def _check(config: HubertSpotterConfig) -> None:
    """Raise ModelError for a configuration that `draw` does not implement."""
    odd = {"conv_pos_batch_norm": config.conv_pos_batch_norm}
    for name in ("hidden_act", "feat_extract_activation"):
        odd[f"{name} {getattr(config, name)}"] = getattr(config, name) != "gelu"
    if named := [name for name, found in odd.items() if found]:
        raise ModelError(f"no ONNX graph for a network with {', '.join(named)}: it runs on torch")


def _front_end(sheet: GraphBuilder, config: HubertSpotterConfig) -> str:
    """Windows -> (batch, vectors, hidden); time comes before channels, so that a convolution is one matrix product."""
    length = config.window_samples
    grouped = config.feat_extract_norm == "group"
    hidden = INPUT
    if grouped:  # the first norm would remove a window's mean anyway; removing it here makes that norm more precise
        hidden = sheet.add("Sub", hidden, sheet.add("ReduceMean", hidden, axes=[1]))
    hidden = sheet.add("Unsqueeze", hidden, sheet.whole([2]))
    layers = zip(config.conv_kernel, config.conv_stride, strict=True)
    for index, (kernel, stride) in enumerate(layers):
        name, normed = f"conv.{index}", grouped and not index
        channels = config.conv_dim[index - 1] if index else 1
        hidden = convolved(sheet, hidden, name, length, channels, kernel, stride)
        length = places(length, kernel, stride)
        if normed:
            hidden = _group_norm(sheet, hidden, f"{name}.norm", length)
        elif not grouped:
            hidden = sheet.layer_norm(hidden, f"{name}.norm", 1e-5)
        hidden = sheet.add("Gelu", hidden, domain=OWN)
    if config.feat_proj_layer_norm:
        hidden = sheet.layer_norm(hidden, "projection.norm", config.layer_norm_eps)
    return sheet.linear(hidden, "projection")


def _group_norm(sheet: GraphBuilder, hidden: str, name: str, count: int) -> str:
    """Normalise each channel over time to mean 0 and variance 1, then scale and shift."""
    averaging = sheet.constant("mean", np.full((1, count), 1 / count, np.float32))  # ReduceMean takes ten times as long
    hidden = sheet.add("Sub", hidden, sheet.add("MatMul", averaging, hidden))
    variance = sheet.add("MatMul", averaging, sheet.add("Mul", hidden, hidden))
    deviation = sheet.add("Sqrt", sheet.add("Add", variance, sheet.number(1e-5)))
    scale = sheet.add("Div", sheet.weight(f"{name}.weight"), deviation)
    return sheet.add("Add", sheet.add("Mul", hidden, scale), sheet.weight(name + BIAS))


def _encoder(sheet: GraphBuilder, config: HubertSpotterConfig, hidden: str) -> str:
    """The positional convolution and the blocks, pre-norm with `do_stable_layer_norm`, otherwise post-norm."""
    stable, eps = config.do_stable_layer_norm, config.layer_norm_eps
    hidden = sheet.add("Add", hidden, _position(sheet, config, hidden))
    if not stable:
        hidden = sheet.layer_norm(hidden, "encoder.norm", eps)
    for index in range(config.num_hidden_layers):
        block = f"block.{index}"
        inner = sheet.layer_norm(hidden, f"{block}.norm", eps) if stable else hidden
        hidden = sheet.add("Add", hidden, _attention(sheet, config, inner, block))
        if not stable:
            hidden = sheet.layer_norm(hidden, f"{block}.norm", eps)
        inner = sheet.layer_norm(hidden, f"{block}.final_norm", eps) if stable else hidden
        inner = sheet.add("Gelu", sheet.linear(inner, f"{block}.wide"), domain=OWN)
        hidden = sheet.add("Add", hidden, sheet.linear(inner, f"{block}.narrow"))
        if not stable:
            hidden = sheet.layer_norm(hidden, f"{block}.final_norm", eps)
    return sheet.layer_norm(hidden, "encoder.norm", eps) if stable else hidden


def _position(sheet: GraphBuilder, config: HubertSpotterConfig, hidden: str) -> str:
    kernel = config.num_conv_pos_embeddings
    padding = [kernel // 2, kernel // 2 - (kernel % 2 == 0)]  # an even kernel gives one too many; HuBERT drops the last
    turned = sheet.add("Transpose", hidden, perm=[0, 2, 1])
    convolved = sheet.add(
        "Conv", turned, sheet.weight("position"), sheet.weight("position" + BIAS),
        pads=padding, group=config.num_conv_pos_embedding_groups, kernel_shape=[kernel],
    )  # fmt: skip
    return sheet.add("Transpose", sheet.add("Gelu", convolved, domain=OWN), perm=[0, 2, 1])


def _attention(sheet: GraphBuilder, config: HubertSpotterConfig, hidden: str, block: str) -> str:
    query, key, value = sheet.split(sheet.linear(hidden, f"{block}.qkv"), 3)
    heads = config.num_attention_heads
    joined = sheet.add("MultiHeadAttention", query, key, value, domain=OWN, num_heads=heads)
    return sheet.linear(joined, f"{block}.out")

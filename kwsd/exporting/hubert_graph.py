"""Builds the graph of the encoder of `kwsd.networks.hubert`: convolutions, the positional one, and blocks."""

from __future__ import annotations

import numpy as np

from kwsd.cards.names import INPUT
from kwsd.errors import ModelError
from kwsd.exporting.graph_builder import OWN, GraphBuilder
from kwsd.exporting.graph_parts import convolved, places, self_attention
from kwsd.networks.hubert import HubertSpotterConfig
from kwsd.networks.onnx_weights import BIAS


def encoder(builder: GraphBuilder, config: HubertSpotterConfig) -> str:
    """Windows -> the last hidden states (batch, vectors, hidden).

    Raises:
        ModelError: an activation that is not implemented here.
    """
    names = ("hidden_act", "feat_extract_activation")
    if odd := [f"{name} {getattr(config, name)}" for name in names if getattr(config, name) != "gelu"]:
        raise ModelError(f"kwsd cannot write an ONNX graph for a network with {', '.join(odd)}: run it on torch")
    return _blocks(builder, config, _front_end(builder, config))


def _front_end(builder: GraphBuilder, config: HubertSpotterConfig) -> str:
    """Windows -> (batch, vectors, hidden); time comes before channels, so that a convolution is one matrix product."""
    length = config.window_samples
    grouped = config.feat_extract_norm == "group"
    hidden = INPUT
    if grouped:  # the first norm would remove a window's mean anyway; removing it here makes that norm more precise
        hidden = builder.add("Sub", hidden, builder.add("ReduceMean", hidden, axes=[1]))
    hidden = builder.add("Unsqueeze", hidden, builder.whole([2]))
    layers = zip(config.conv_kernel, config.conv_stride, strict=True)
    for index, (kernel, stride) in enumerate(layers):
        name, normed = f"conv.{index}", grouped and not index
        channels = config.conv_dim[index - 1] if index else 1
        hidden = convolved(builder, hidden, name, length, channels, kernel, stride)
        length = places(length, kernel, stride)
        if normed:
            hidden = _group_norm(builder, hidden, f"{name}.norm", length)
        elif not grouped:
            hidden = builder.layer_norm(hidden, f"{name}.norm", 1e-5)
        hidden = builder.add("Gelu", hidden, domain=OWN)
    if config.feat_proj_layer_norm:
        hidden = builder.layer_norm(hidden, "projection.norm", config.layer_norm_eps)
    return builder.linear(hidden, "projection")


def _group_norm(builder: GraphBuilder, hidden: str, name: str, count: int) -> str:
    """Normalise each channel over time to mean 0 and variance 1, then scale and shift."""
    # ReduceMean takes ten times as long.
    averaging = builder.constant("mean", np.full((1, count), 1 / count, np.float32))
    hidden = builder.add("Sub", hidden, builder.add("MatMul", averaging, hidden))
    variance = builder.add("MatMul", averaging, builder.add("Mul", hidden, hidden))
    deviation = builder.add("Sqrt", builder.add("Add", variance, builder.number(1e-5)))
    scale = builder.add("Div", builder.weight(f"{name}.weight"), deviation)
    return builder.add("Add", builder.add("Mul", hidden, scale), builder.weight(name + BIAS))


def _blocks(builder: GraphBuilder, config: HubertSpotterConfig, hidden: str) -> str:
    """The positional convolution and the blocks, pre-norm with `do_stable_layer_norm`, otherwise post-norm."""
    stable, eps = config.do_stable_layer_norm, config.layer_norm_eps
    hidden = builder.add("Add", hidden, _position(builder, config, hidden))
    if not stable:
        hidden = builder.layer_norm(hidden, "encoder.norm", eps)
    for index in range(config.num_hidden_layers):
        block = f"block.{index}"
        inner = builder.layer_norm(hidden, f"{block}.norm", eps) if stable else hidden
        hidden = builder.add("Add", hidden, self_attention(builder, inner, block, config.num_attention_heads))
        if not stable:
            hidden = builder.layer_norm(hidden, f"{block}.norm", eps)
        inner = builder.layer_norm(hidden, f"{block}.final_norm", eps) if stable else hidden
        inner = builder.add("Gelu", builder.linear(inner, f"{block}.wide"), domain=OWN)
        hidden = builder.add("Add", hidden, builder.linear(inner, f"{block}.narrow"))
        if not stable:
            hidden = builder.layer_norm(hidden, f"{block}.final_norm", eps)
    return builder.layer_norm(hidden, "encoder.norm", eps) if stable else hidden


def _position(builder: GraphBuilder, config: HubertSpotterConfig, hidden: str) -> str:
    kernel = config.num_conv_pos_embeddings
    padding = [kernel // 2, kernel // 2 - (kernel % 2 == 0)]  # an even kernel gives one too many; HuBERT drops the last
    turned = builder.add("Transpose", hidden, perm=[0, 2, 1])
    convolved = builder.add(
        "Conv", turned, builder.weight("position"), builder.weight("position" + BIAS),
        pads=padding, group=config.num_conv_pos_embedding_groups, kernel_shape=[kernel],
    )  # fmt: skip
    return builder.add("Transpose", builder.add("Gelu", convolved, domain=OWN), perm=[0, 2, 1])

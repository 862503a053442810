"""Builds the graph of the encoder of `kwsd.networks.moonshine`."""

from __future__ import annotations

from typing import Any

import numpy as np

from kwsd.cards.names import INPUT
from kwsd.errors import ModelError
from kwsd.exporting.graph_builder import OWN, GraphBuilder
from kwsd.exporting.graph_parts import convolved, feed_forward, places
from kwsd.networks.moonshine import KERNELS, LOUDEST, STRIDES, MoonshineSpotterConfig, vectors


def encoder(builder: GraphBuilder, config: MoonshineSpotterConfig) -> str:
    """Windows -> the last hidden states (batch, vectors, hidden) of the samples that the scores are about.

    Raises:
        ModelError: an activation or a positional encoding that is not implemented here.
    """
    if config.encoder_hidden_act != "gelu" or _rope(config).get("rope_type", "default") != "default":
        raise ModelError("kwsd cannot write an ONNX graph for these activations or positions: run it on torch")
    hidden, count = _front_end(builder, config)
    turns, before = _turns(builder, config, count), count - vectors(config.window_samples - config.before_samples)
    for index in range(config.encoder_num_hidden_layers):
        block = f"block.{index}"
        inner = builder.layer_norm(hidden, f"{block}.norm", 1e-5)
        last = before if index == config.encoder_num_hidden_layers - 1 else 0  # the last block drops the left context
        hidden = builder.add(
            "Add", builder.from_number(hidden, last), _attention(builder, config, inner, block, turns, last)
        )
        hidden = feed_forward(builder, hidden, block)
    return builder.layer_norm(hidden, "encoder.norm", 1e-5)


def _front_end(builder: GraphBuilder, config: MoonshineSpotterConfig) -> tuple[str, int]:
    """The three convolutions on windows that are scaled to a peak of at most `LOUDEST`; and the number of vectors."""
    peak = builder.add("ReduceMax", builder.add("Abs", INPUT), axes=[1])
    gain = builder.add("Div", builder.number(LOUDEST), builder.add("Max", peak, builder.number(1e-5)))
    hidden = builder.add("Mul", INPUT, builder.add("Min", gain, builder.number(1.0)))
    hidden = builder.add("Unsqueeze", hidden, builder.whole([2]))
    length, channels = config.window_samples, (1, config.hidden_size, 2 * config.hidden_size)
    for index, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
        hidden = convolved(builder, hidden, f"conv.{index}", length, channels[index], kernel, stride)
        hidden = (
            builder.add("Gelu", hidden, domain=OWN) if index else _norm_of_all(builder, builder.add("Tanh", hidden))
        )
        length = places(length, kernel, stride)
    return hidden, length


def _norm_of_all(builder: GraphBuilder, hidden: str) -> str:
    """Normalise all channels and times together to mean 0 and variance 1, then scale and shift by channel."""
    hidden = builder.add("Sub", hidden, builder.add("ReduceMean", hidden, axes=[1, 2]))
    variance = builder.add("ReduceMean", builder.add("Mul", hidden, hidden), axes=[1, 2])
    hidden = builder.add("Div", hidden, builder.add("Sqrt", builder.add("Add", variance, builder.number(1e-5))))
    return builder.add(
        "Add", builder.add("Mul", hidden, builder.weight("conv.0.norm.weight")), builder.weight("conv.0.norm.bias")
    )


def _turns(builder: GraphBuilder, config: MoonshineSpotterConfig, count: int) -> tuple[str, str, int]:
    """The cosines and sines (count, width / 2) of the rotations at each position, and the width that is rotated."""
    rope = _rope(config)
    width = int(config.hidden_size // config.encoder_num_attention_heads * rope.get("partial_rotary_factor", 1.0))
    speeds = rope["rope_theta"] ** -(np.arange(0, width, 2) / width)
    angles = np.outer(np.arange(count), speeds)
    return (
        builder.constant("cosines", np.cos(angles).astype(np.float32)),
        builder.constant("sines", np.sin(angles).astype(np.float32)),
        width,
    )


def _rope(config: MoonshineSpotterConfig) -> dict[str, Any]:
    return dict(config.rope_parameters or {})


def _attention(
    builder: GraphBuilder,
    config: MoonshineSpotterConfig,
    hidden: str,
    block: str,
    turns: tuple[str, str, int],
    first: int,
) -> str:
    """Self-attention with rotary positions (Su et al. 2021, "RoFormer").

    Only the vectors from number `first` on are queries; all are keys and values.
    """
    cosines, sines, width = turns
    heads = config.encoder_num_attention_heads
    query, key, value = builder.split(builder.linear(hidden, f"{block}.qkv"), 3)
    turned = [
        builder.add(
            "RotaryEmbedding", builder.from_number(part, place), builder.whole([place]), cosines, sines,
            domain=OWN, interleaved=1, num_heads=heads, rotary_embedding_dim=width,
        )
        for part, place in ((query, first), (key, 0))
    ]  # fmt: skip
    joined = builder.add("MultiHeadAttention", *turned, value, domain=OWN, num_heads=heads)
    return builder.linear(joined, f"{block}.out")

"""The parts that the graphs of the networks share: convolutions as matrix products, blocks, adapter, pooling, heads."""

from __future__ import annotations

from functools import partial
from typing import Any

from kwsd.exporting.graph_builder import OWN, GraphBuilder


def convolved(
    builder: GraphBuilder, hidden: str, name: str, length: int, channels: int, kernel: int, stride: int
) -> str:
    """A convolution as one matrix product: (batch, length, channels) -> (batch, `places`, outputs)."""
    count = places(length, kernel, stride)
    unfold = partial(_unfolded, builder, length=length, count=count, kernel=kernel, stride=stride, channels=channels)
    return builder.linear(hidden, name, unfold)


def places(length: int, kernel: int, stride: int) -> int:
    """The number of output positions of a convolution over `length`."""
    return (length - kernel) // stride + 1


def _unfolded(
    builder: GraphBuilder, hidden: str, length: int, count: int, kernel: int, stride: int, channels: int
) -> str:
    """(batch, time, channels) -> (batch, count, kernel * channels): the input patch at each output position."""
    pieces = []
    for first in range(0, kernel, stride):
        taps = min(stride, kernel - first)
        if taps == stride or first + count * stride <= length:
            piece = builder.cut(hidden, 1, first, first + count * stride)
            piece = builder.add("Reshape", piece, builder.whole([0, count, stride * channels]))
            pieces.append(piece if taps == stride else builder.cut(piece, 2, 0, taps * channels))
        else:
            ends = ((first + tap, first + tap + (count - 1) * stride + 1) for tap in range(taps))
            pieces += [builder.cut(hidden, 1, begin, end, stride) for begin, end in ends]
    return builder.add("Concat", *pieces, axis=2) if len(pieces) > 1 else pieces[0]


def self_attention(builder: GraphBuilder, hidden: str, block: str, heads: int, first: int = 0) -> str:
    """A block's attention: (batch, vectors, hidden) -> the vectors from number `first` on, attending to all."""
    query, key, value = builder.split(builder.linear(hidden, f"{block}.qkv"), 3)
    query = builder.from_number(query, first)
    joined = builder.add("MultiHeadAttention", query, key, value, domain=OWN, num_heads=heads)
    return builder.linear(joined, f"{block}.out")


def feed_forward(builder: GraphBuilder, hidden: str, block: str) -> str:
    """A pre-norm block's second half: its two dense layers, and what they are added to."""
    inner = builder.layer_norm(hidden, f"{block}.final_norm", 1e-5)
    inner = builder.add("Gelu", builder.linear(inner, f"{block}.wide"), domain=OWN)
    return builder.add("Add", hidden, builder.linear(inner, f"{block}.narrow"))


def heads(builder: GraphBuilder, config: Any, hidden: str) -> str:
    """Adapter, pooling and both heads: (batch, vectors, hidden) -> probabilities (batch, labels)."""
    narrow = builder.add("Relu", builder.linear(hidden, "adapter.down"))
    hidden = builder.add("Add", hidden, builder.linear(narrow, "adapter.up"))
    parts = config.pooling_heads
    attention = builder.add("Softmax", builder.linear(hidden, "pooling.score"), axis=1)
    slices = builder.add("Reshape", hidden, builder.whole([0, 0, parts, config.hidden_size // parts]))
    weighted = builder.add("Mul", builder.add("Unsqueeze", attention, builder.whole([3])), slices)
    pooled = builder.add("ReduceSum", weighted, builder.whole([1]), keepdims=0)
    pooled = builder.add("Reshape", pooled, builder.whole([0, config.hidden_size]))
    words = builder.add("Softmax", _head(builder, pooled, "word_head"), axis=1)
    word_or_noise = _head(builder, pooled, "noise_head")
    words = builder.add("Mul", words, builder.add("Sigmoid", word_or_noise))
    return builder.add("Concat", words, builder.add("Sigmoid", builder.add("Neg", word_or_noise)), axis=1)


def _head(builder: GraphBuilder, pooled: str, name: str) -> str:
    return builder.linear(builder.add("Relu", builder.linear(pooled, f"{name}.inner")), f"{name}.outer")

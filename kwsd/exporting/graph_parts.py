"""The parts that the graphs of both networks share: convolutions as matrix products, adapter, pooling and heads."""

from __future__ import annotations

from functools import partial
from typing import Any

from kwsd.exporting.graph_builder import GraphBuilder


def convolved(sheet: GraphBuilder, hidden: str, name: str, length: int, channels: int, kernel: int, stride: int) -> str:
    """A convolution as one matrix product: (batch, length, channels) -> (batch, `places`, outputs)."""
    count = places(length, kernel, stride)
    unfold = partial(_unfolded, sheet, length=length, count=count, kernel=kernel, stride=stride, channels=channels)
    return sheet.linear(hidden, name, unfold)


def places(length: int, kernel: int, stride: int) -> int:
    """The number of output positions of a convolution over `length`."""
    return (length - kernel) // stride + 1


def _unfolded(
    sheet: GraphBuilder, hidden: str, length: int, count: int, kernel: int, stride: int, channels: int
) -> str:
    """(batch, time, channels) -> (batch, count, kernel * channels): the input patch at each output position."""
    pieces = []
    for first in range(0, kernel, stride):
        taps = min(stride, kernel - first)
        if taps == stride or first + count * stride <= length:
            piece = sheet.cut(hidden, 1, first, first + count * stride)
            piece = sheet.add("Reshape", piece, sheet.whole([0, count, stride * channels]))
            pieces.append(piece if taps == stride else sheet.cut(piece, 2, 0, taps * channels))
        else:
            ends = ((first + tap, first + tap + (count - 1) * stride + 1) for tap in range(taps))
            pieces += [sheet.cut(hidden, 1, begin, end, stride) for begin, end in ends]
    return sheet.add("Concat", *pieces, axis=2) if len(pieces) > 1 else pieces[0]


def heads(sheet: GraphBuilder, config: Any, hidden: str) -> str:
    """Adapter, pooling and both heads: (batch, vectors, hidden) -> probabilities (batch, labels)."""
    narrow = sheet.add("Relu", sheet.linear(hidden, "adapter.down"))
    hidden = sheet.add("Add", hidden, sheet.linear(narrow, "adapter.up"))
    parts = config.pooling_heads
    attention = sheet.add("Softmax", sheet.linear(hidden, "pooling.score"), axis=1)
    slices = sheet.add("Reshape", hidden, sheet.whole([0, 0, parts, config.hidden_size // parts]))
    weighted = sheet.add("Mul", sheet.add("Unsqueeze", attention, sheet.whole([3])), slices)
    pooled = sheet.add("ReduceSum", weighted, sheet.whole([1]), keepdims=0)
    pooled = sheet.add("Reshape", pooled, sheet.whole([0, config.hidden_size]))
    words = sheet.add("Softmax", _head(sheet, pooled, "word_head"), axis=1)
    word_or_noise = _head(sheet, pooled, "noise_head")
    words = sheet.add("Mul", words, sheet.add("Sigmoid", word_or_noise))
    return sheet.add("Concat", words, sheet.add("Sigmoid", sheet.add("Neg", word_or_noise)), axis=1)


def _head(sheet: GraphBuilder, pooled: str, name: str) -> str:
    return sheet.linear(sheet.add("Relu", sheet.linear(pooled, f"{name}.inner")), f"{name}.outer")

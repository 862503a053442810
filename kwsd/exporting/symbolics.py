"""Symbolic functions for torch's exporter, in place of one of its own that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_REPEAT = "aten::repeat_interleave"


@contextmanager
def moonshine_drawn(opset: int) -> Iterator[None]:
    """A context in which the repeated cosines and sines of Moonshine's rotary positions can be exported.

    torch's own symbolic function for `repeat_interleave` gives a wrong number of axes, at which the export fails.
    """
    exporter: Any = torch.onnx  # some releases do not declare these functions, but all have them
    exporter.register_custom_op_symbolic(_REPEAT, _repeated, opset)
    try:
        yield
    finally:
        exporter.unregister_custom_op_symbolic(_REPEAT, opset)


def _repeated(graph: Any, values: Any, repeats: Any, dim: Any, size: Any = None) -> Any:
    """Repeat each number on the last axis a constant number of times."""
    del size
    axes, times, axis = values.type().dim(), _constant(repeats), _constant(dim)
    if axes is None or axis % axes != axes - 1:
        raise ValueError("repeat_interleave on another axis than the last")
    column = graph.op("Unsqueeze", values, _whole(graph, [axes]))
    columns = graph.op("Concat", *[column] * times, axis_i=axes)
    return graph.op("Reshape", columns, _whole(graph, [0] * (axes - 1) + [-1]))  # 0: as it was


def _constant(value: Any) -> int:
    return int(value.node().t("value"))


def _whole(graph: Any, numbers: list[int]) -> Any:
    return graph.op("Constant", value_t=torch.tensor(numbers))

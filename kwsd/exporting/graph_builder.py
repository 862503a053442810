"""Builds an ONNX graph node by node: operators, weights that are only named, and small constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kwsd.cards.names import INPUT, OUTPUT, WEIGHTS
from kwsd.errors import ModelError
from kwsd.networks.onnx_weights import BIAS, INT8
from kwsd.networks.quantization import SCALE

OWN = "com.microsoft"
"""ONNX Runtime's own operators."""

_OPSETS = {"": 17, OWN: 1}
_IR_VERSION = 9


class GraphBuilder:
    """The graph so far. Every method that adds an operator returns the name of its output."""

    def __init__(self, initializers: Mapping[str, NDArray[Any]]) -> None:
        self._initializers = initializers
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any) -> str:
        """Add an operator with one output."""
        name = output or f"{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def split(self, hidden: str, parts: int) -> list[str]:
        """Split the last axis into equal parts."""
        names = [f"{len(self._nodes)}.{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [hidden], names, axis=-1))
        return names

    def linear(self, hidden: str, name: str, view: Callable[[str], str] | None = None) -> str:
        """A matrix product, in 8 bits if the matrix is; the input is then quantised dynamically.

        A `view` rearranges `hidden` for the product. In 8 bits it is applied after the quantisation, to fewer bytes.
        """
        bias = [self.weight(name + BIAS)] if name + BIAS in self._initializers else []
        if name + INT8 not in self._initializers:
            product = self.add("MatMul", view(hidden) if view else hidden, self.weight(name))
            return self.add("Add", product, *bias) if bias else product
        matrix, scales = self.weight(name + INT8), self.weight(name + SCALE)
        if view is None:
            return self.add("DynamicQuantizeMatMul", hidden, matrix, scales, "", *bias, domain=OWN)
        whole, scale, zero = (f"{len(self._nodes)}.{part}" for part in ("whole", "scale", "zero"))
        self._nodes.append(helper.make_node("DynamicQuantizeLinear", [hidden], [whole, scale, zero]))
        return self.add("MatMulIntegerToFloat", view(whole), matrix, scale, scales, zero, "", *bias, domain=OWN)

    def layer_norm(self, hidden: str, name: str, eps: float) -> str:
        """Normalise over the last axis, then scale and shift."""
        weight, bias = self.weight(f"{name}.weight"), self.weight(name + BIAS)
        return self.add("LayerNormalization", hidden, weight, bias, axis=-1, epsilon=eps)

    def cut(self, hidden: str, axis: int, first: int, last: int, step: int = 1) -> str:
        """Slice `hidden` by first:last:step on an axis."""
        return self.add("Slice", hidden, *(self.whole([number]) for number in (first, last, axis, step)))

    def from_number(self, hidden: str, first: int) -> str:
        """(batch, vectors, hidden) -> the vectors from number `first` on."""
        return self.add("Slice", hidden, *map(self.whole, ([first], [1 << 31], [1]))) if first else hidden

    def whole(self, numbers: Sequence[int]) -> str:
        """A constant of whole numbers."""
        return self.constant("n" + "_".join(map(str, numbers)), np.array(numbers, np.int64))

    def number(self, value: float) -> str:
        """A constant of one number."""
        return self.constant(f"f{value:g}", np.array([value], np.float32))

    def weight(self, name: str) -> str:
        """Refer to a weight, which the graph only names. Raises ModelError where there is none."""
        if name not in self._initializers:
            raise ModelError(f"kwsd cannot write an ONNX graph for a network without {name}: run it on torch")
        if name not in self._weights:
            values = self._initializers[name]
            tensor = TensorProto(name=name, dims=values.shape, data_location=TensorProto.EXTERNAL)
            tensor.data_type = helper.np_dtype_to_tensor_dtype(values.dtype)
            tensor.external_data.add(key="location", value=WEIGHTS)
            self._weights[name] = tensor
        return name

    def model(self, taken: Sequence[int], given: Sequence[int]) -> onnx.ModelProto:
        """The whole graph as a model that maps (batch, *taken) to (batch, *given)."""
        graph = helper.make_graph(
            self._nodes,
            "kwsd",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *taken])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", *given])],
            [*self._weights.values(), *self._constants.values()],
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="kwsd")

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self._constants.setdefault(name, numpy_helper.from_array(values, name))
        return name

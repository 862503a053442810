"""The network drawn as an ONNX graph without weights. It and `export` are the only doors to onnx.

`torch.onnx` would draw the same network with ten times the nodes, its weights in it. This one is made of the operators
that ONNX Runtime computes fastest on a processor (some are its own, of the domain com.microsoft), and refers to weights
by name: `kwsd.networks.arrangement` makes them from model.safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kwsd.errors import ModelError
from kwsd.networks.arrangement import BIAS, INPUT, INT8, OUTPUT, SCALE, WEIGHTS
from kwsd.networks.hubert_config import HubertSpotterConfig, label_names

_OWN = "com.microsoft"
_OPSETS = {"": 17, _OWN: 1}
_IR_VERSION = 9


def draw(config: HubertSpotterConfig, initializers: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """The graph of `HubertSpotterModel`: windows (batch, window_samples) float32 -> scores (batch, labels) float32.

    `initializers` (of `arrange`) say which weights there are, of which shape, and which are quantised; they stand in
    the graph as names only.

    Raises:
        ModelError: the configuration asks for something that has no drawing here.
    """
    _check(config)
    sheet = _Sheet(initializers)
    scores = _heads(sheet, config, _encoder(sheet, config, _front_end(sheet, config)))
    sheet.add("Identity", scores, output=OUTPUT)
    labels = len(label_names(config))
    return sheet.model((config.window_samples,), (labels,))


def filled(model: onnx.ModelProto, initializers: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """The same graph with its weights inside, for use without a model folder."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    for tensor in whole.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor.CopyFrom(numpy_helper.from_array(initializers[tensor.name], tensor.name))
    return whole


def _check(config: HubertSpotterConfig) -> None:
    """Raise ModelError for what `draw` does not know."""
    odd = {"conv_pos_batch_norm": config.conv_pos_batch_norm}
    for name in ("hidden_act", "feat_extract_activation"):
        odd[f"{name} {getattr(config, name)}"] = getattr(config, name) != "gelu"
    if named := [name for name, found in odd.items() if found]:
        raise ModelError(f"no ONNX graph for a network with {', '.join(named)}: it runs on torch")


def _front_end(sheet: _Sheet, config: HubertSpotterConfig) -> str:
    """Windows -> (batch, vectors, hidden). Time before channels, so that a convolution is one matrix product."""
    length = config.window_samples
    grouped = config.feat_extract_norm == "group"
    hidden = INPUT
    if grouped:  # what is constant in a window goes away in the first norm; without it, that norm rounds less
        hidden = sheet.add("Sub", hidden, sheet.add("ReduceMean", hidden, axes=[1]))
    hidden = sheet.add("Unsqueeze", hidden, sheet.whole([2]))
    layers = zip(config.conv_kernel, config.conv_stride, strict=True)
    for index, (kernel, stride) in enumerate(layers):
        name, normed = f"conv.{index}", grouped and not index
        count = (length - kernel) // stride + 1
        hidden = _unfolded(sheet, hidden, length, count, kernel, stride, config.conv_dim[index - 1] if index else 1)
        hidden = sheet.linear(hidden, name)
        if normed:
            hidden = _group_norm(sheet, hidden, f"{name}.norm", count)
        elif not grouped:
            hidden = sheet.layer_norm(hidden, f"{name}.norm", 1e-5)
        hidden = sheet.add("Gelu", hidden, domain=_OWN)
        length = count
    if config.feat_proj_layer_norm:
        hidden = sheet.layer_norm(hidden, "projection.norm", config.layer_norm_eps)
    return sheet.linear(hidden, "projection")


def _unfolded(sheet: _Sheet, hidden: str, length: int, count: int, kernel: int, stride: int, channels: int) -> str:
    """(batch, time, channels) -> (batch, count, kernel * channels): what each place of a convolution sees."""
    pieces = []
    for first in range(0, kernel, stride):
        taps = min(stride, kernel - first)
        if taps == stride or (taps > 1 and first + count * stride <= length):
            piece = sheet.cut(hidden, 1, first, first + count * stride)
            piece = sheet.add("Reshape", piece, sheet.whole([0, count, stride * channels]))
            pieces.append(piece if taps == stride else sheet.cut(piece, 2, 0, taps * channels))
        else:
            ends = ((first + tap, first + tap + (count - 1) * stride + 1) for tap in range(taps))
            pieces += [sheet.cut(hidden, 1, begin, end, stride) for begin, end in ends]
    return sheet.add("Concat", *pieces, axis=2) if len(pieces) > 1 else pieces[0]


def _group_norm(sheet: _Sheet, hidden: str, name: str, count: int) -> str:
    """Each channel over time, to mean 0 and variance 1, then scale and shift."""
    averaging = sheet.constant("mean", np.full((1, count), 1 / count, np.float32))  # ReduceMean takes ten times as long
    hidden = sheet.add("Sub", hidden, sheet.add("MatMul", averaging, hidden))
    variance = sheet.add("MatMul", averaging, sheet.add("Mul", hidden, hidden))
    deviation = sheet.add("Sqrt", sheet.add("Add", variance, sheet.number(1e-5)))
    scale = sheet.add("Div", sheet.weight(f"{name}.weight"), deviation)
    return sheet.add("Add", sheet.add("Mul", hidden, scale), sheet.weight(name + BIAS))


def _encoder(sheet: _Sheet, config: HubertSpotterConfig, hidden: str) -> str:
    """The positional convolution and the blocks, norms before (`do_stable_layer_norm`) or after their halves."""
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
        inner = sheet.add("Gelu", sheet.linear(inner, f"{block}.wide"), domain=_OWN)
        hidden = sheet.add("Add", hidden, sheet.linear(inner, f"{block}.narrow"))
        if not stable:
            hidden = sheet.layer_norm(hidden, f"{block}.final_norm", eps)
    return sheet.layer_norm(hidden, "encoder.norm", eps) if stable else hidden


def _position(sheet: _Sheet, config: HubertSpotterConfig, hidden: str) -> str:
    kernel = config.num_conv_pos_embeddings
    padding = [kernel // 2, kernel // 2 - (kernel % 2 == 0)]  # an even kernel gives one too many; HuBERT drops the last
    turned = sheet.add("Transpose", hidden, perm=[0, 2, 1])
    convolved = sheet.add(
        "Conv", turned, sheet.weight("position"), sheet.weight("position" + BIAS),
        pads=padding, group=config.num_conv_pos_embedding_groups, kernel_shape=[kernel],
    )  # fmt: skip
    return sheet.add("Transpose", sheet.add("Gelu", convolved, domain=_OWN), perm=[0, 2, 1])


def _attention(sheet: _Sheet, config: HubertSpotterConfig, hidden: str, block: str) -> str:
    query, key, value = sheet.split(sheet.linear(hidden, f"{block}.qkv"), 3)
    heads = config.num_attention_heads
    joined = sheet.add("MultiHeadAttention", query, key, value, domain=_OWN, num_heads=heads)
    return sheet.linear(joined, f"{block}.out")


def _heads(sheet: _Sheet, config: HubertSpotterConfig, hidden: str) -> str:
    """Adapter, pooling, and the probabilities from both heads: (batch, vectors, hidden) -> (batch, labels)."""
    narrow = sheet.add("Relu", sheet.linear(hidden, "adapter.down"))
    hidden = sheet.add("Add", hidden, sheet.linear(narrow, "adapter.up"))
    heads = config.pooling_heads
    attention = sheet.add("Softmax", sheet.linear(hidden, "pooling.score"), axis=1)
    slices = sheet.add("Reshape", hidden, sheet.whole([0, 0, heads, config.hidden_size // heads]))
    weighted = sheet.add("Mul", sheet.add("Unsqueeze", attention, sheet.whole([3])), slices)
    pooled = sheet.add("ReduceSum", weighted, sheet.whole([1]), keepdims=0)
    pooled = sheet.add("Reshape", pooled, sheet.whole([0, config.hidden_size]))
    words = sheet.add("Softmax", _head(sheet, pooled, "word_head"), axis=1)
    word_or_noise = _head(sheet, pooled, "noise_head")
    words = sheet.add("Mul", words, sheet.add("Sigmoid", word_or_noise))
    return sheet.add("Concat", words, sheet.add("Sigmoid", sheet.add("Neg", word_or_noise)), axis=1)


def _head(sheet: _Sheet, pooled: str, name: str) -> str:
    return sheet.linear(sheet.add("Relu", sheet.linear(pooled, f"{name}.inner")), f"{name}.outer")


class _Sheet:
    """What is drawn so far. Every method that adds an operator gives the name of what it computes."""

    def __init__(self, initializers: Mapping[str, NDArray[Any]]) -> None:
        self._initializers = initializers
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any) -> str:
        """One operator with one output."""
        name = output or f"{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def split(self, hidden: str, parts: int) -> list[str]:
        """The last axis in equal parts."""
        names = [f"{len(self._nodes)}.{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [hidden], names, axis=-1))
        return names

    def linear(self, hidden: str, name: str) -> str:
        """A matrix product, in 8 bits where the matrix is; each run chooses the scale of what goes in."""
        bias = [self.weight(name + BIAS)] if name + BIAS in self._initializers else []
        if name + INT8 in self._initializers:
            matrix, scale = self.weight(name + INT8), self.weight(name + SCALE)
            return self.add("DynamicQuantizeMatMul", hidden, matrix, scale, "", *bias, domain=_OWN)
        product = self.add("MatMul", hidden, self.weight(name))
        return self.add("Add", product, *bias) if bias else product

    def layer_norm(self, hidden: str, name: str, eps: float) -> str:
        """Over the last axis."""
        weight, bias = self.weight(f"{name}.weight"), self.weight(name + BIAS)
        return self.add("LayerNormalization", hidden, weight, bias, axis=-1, epsilon=eps)

    def cut(self, hidden: str, axis: int, first: int, last: int, step: int = 1) -> str:
        """`hidden[first:last:step]` on an axis."""
        return self.add("Slice", hidden, *(self.whole([number]) for number in (first, last, axis, step)))

    def whole(self, numbers: Sequence[int]) -> str:
        """A small constant: whole numbers."""
        return self.constant("n" + "_".join(map(str, numbers)), np.array(numbers, np.int64))

    def number(self, value: float) -> str:
        """A small constant: one number."""
        return self.constant(f"f{value:g}", np.array([value], np.float32))

    def weight(self, name: str) -> str:
        """A weight that the graph only names. Raises ModelError where there is none."""
        if name not in self._initializers:
            raise ModelError(f"no ONNX graph for a network without {name}: it runs on torch")
        if name not in self._weights:
            values = self._initializers[name]
            tensor = TensorProto(name=name, dims=values.shape, data_location=TensorProto.EXTERNAL)
            tensor.data_type = helper.np_dtype_to_tensor_dtype(values.dtype)
            tensor.external_data.add(key="location", value=WEIGHTS)
            self._weights[name] = tensor
        return name

    def model(self, taken: Sequence[int], given: Sequence[int]) -> onnx.ModelProto:
        """All of it, as a model that takes (batch, *taken) and gives (batch, *given)."""
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

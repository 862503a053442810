"""Arranges the weights of kwsd's classifiers for their ONNX graphs: convolutions as matrices, 8 bits where it pays.

A model folder holds its weights once, as transformers wrote them (model.safetensors). The graph beside them has none of
its own: the same function arranges them both when the graph is exported and when it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kwsd.cards.names import MOONSHINE_TYPE, WHISPER_TYPE
from kwsd.networks.quantization import SCALE, Weights, quantise, unscaled

INT8 = ".int8"
BIAS = ".bias"


@np.errstate(all="ignore")  # as in `expanded`
def arrange(
    weights: Weights, config: Mapping[str, Any], *, quantised: bool, levels: int = 127
) -> dict[str, NDArray[Any]]:
    """The graph's initializers by name: float32, and with `quantised` int8 for the large matrices.

    `config` is the model's config.json. In a HuBERT whose `feat_extract_norm` is "group", the norm over time cancels
    the first convolution's bias, which is left out.

    A matrix is (inputs, outputs). A quantised one becomes `name.int8`, from -levels to levels, and `name.scale`
    (outputs,) float32, whose product is the matrix to within half a step.

    Raises:
        KeyError: a tensor is missing.
    """
    found = _Arranged(weights)
    if config.get("model_type") == MOONSHINE_TYPE:
        large = found.moonshine()
    elif config.get("model_type") == WHISPER_TYPE:
        large = found.whisper()
    else:
        large = found.hubert(config["feat_extract_norm"])
    found.heads()
    if quantised:
        for name in large:
            matrix = found.initializers.pop(name)
            found.initializers[name + INT8], found.initializers[name + SCALE] = quantise(matrix, levels)
    for name, values in found.initializers.items():
        found.initializers[name] = np.ascontiguousarray(values)
    return found.initializers


class _Block(NamedTuple):
    """The names of the parts of a network's blocks."""

    norm: str
    attention: str
    out: str
    final_norm: str
    wide: str
    narrow: str


_HUBERT = _Block(
    "layer_norm", "attention", "out_proj", "final_layer_norm",
    "feed_forward.intermediate_dense", "feed_forward.output_dense",
)  # fmt: skip
_MOONSHINE = _Block("input_layernorm", "self_attn", "o_proj", "post_attention_layernorm", "mlp.fc1", "mlp.fc2")
_WHISPER = _Block("self_attn_layer_norm", "self_attn", "out_proj", "final_layer_norm", "fc1", "fc2")


class _Arranged:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.initializers: dict[str, NDArray[Any]] = {}

    def hubert(self, norm: str) -> list[str]:
        """Add convolutions, position and blocks of HuBERT's encoder; the large matrices' names."""
        large = self._front_end()
        if norm == "group":
            self.initializers.pop("conv.0" + BIAS, None)
        return large + self._encoder()

    def _front_end(self) -> list[str]:
        """Add the convolutions as matrices (taps * channels, outputs); the names of those that are fit for 8 bits."""
        index = 0
        names = []
        while (place := f"hubert.feature_extractor.conv_layers.{index}") + ".conv.weight" in self._weights:
            names.append(f"conv.{index}")
            self._convolution(names[-1], f"{place}.conv")
            self._norm(f"{names[-1]}.norm", f"{place}.layer_norm")
            index += 1
        self._norm("projection.norm", "hubert.feature_projection.layer_norm")
        self._linear("projection", "hubert.feature_projection.projection")
        # Not the first: its input is the waveform, whose quiet parts 8 bits would lose. Not the last: it is small, and
        # with it in full precision the scores change half as much.
        return [*names[1:-1], "projection"]

    def _encoder(self) -> list[str]:
        """Add the positional convolution, with its weight norm applied, and the blocks; the large matrices' names."""
        place = "hubert.encoder.pos_conv_embed.conv"
        length = self._take(f"{place}.parametrizations.weight.original0")
        direction = self._take(f"{place}.parametrizations.weight.original1")
        norm = np.sqrt(np.square(direction.astype(np.float64)).sum(axis=(0, 1), keepdims=True))
        self._keep("position", direction * (length / norm))
        self._bias("position", place)
        self._norm("encoder.norm", "hubert.encoder.layer_norm")
        return self._blocks("hubert.encoder.layers", _HUBERT)

    def moonshine(self) -> list[str]:
        """Add convolutions and blocks of Moonshine's encoder, which has fewer biases; the large matrices' names."""
        for index in range(3):
            self._convolution(f"conv.{index}", f"encoder.conv{index + 1}")
        self._norm("conv.0.norm", "encoder.groupnorm")
        self._norm("encoder.norm", "encoder.layer_norm")
        names = self._blocks("encoder.layers", _MOONSHINE)
        # Not the last convolution: a few values of its input dwarf the others, which 8 bits would lose, and with them
        # one clip in five.
        return ["conv.1", *names]

    def whisper(self) -> list[str]:
        """Add spectrogram, convolutions, positions and blocks of Whisper's encoder; the large matrices' names."""
        filters = self._take("spectrogram.filters")
        frame = 2 * (len(filters) - 1)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi / frame * np.arange(frame))
        angles = 2 * np.pi / frame * np.outer(np.arange(frame), np.arange(len(filters)))
        self._keep("spectrum", hann[:, None] * np.hstack([np.cos(angles), np.sin(angles)]))  # (samples, 2 * bins)
        self._keep("filters", np.vstack([filters, filters]))  # of the power, which is that of both parts together
        for index in range(2):
            self._convolution(f"conv.{index}", f"encoder.conv{index + 1}")
        self._keep("position", self._take("encoder.embed_positions.weight"))
        self._norm("encoder.norm", "encoder.layer_norm")
        return ["conv.1", *self._blocks("encoder.layers", _WHISPER)]

    def _blocks(self, layers: str, called: _Block) -> list[str]:
        """Add all blocks of an encoder; the large matrices' names."""
        index, names = 0, []
        while (place := f"{layers}.{index}") + f".{called.norm}.weight" in self._weights:
            block = f"block.{index}"
            self._norm(f"{block}.norm", f"{place}.{called.norm}")
            self._linear(f"{block}.qkv", *(f"{place}.{called.attention}.{part}_proj" for part in "qkv"))
            self._linear(f"{block}.out", f"{place}.{called.attention}.{called.out}")
            self._norm(f"{block}.final_norm", f"{place}.{called.final_norm}")
            self._linear(f"{block}.wide", f"{place}.{called.wide}")
            self._linear(f"{block}.narrow", f"{place}.{called.narrow}")
            names += [f"{block}.{part}" for part in ("qkv", "out", "wide", "narrow")]
            index += 1
        return names

    def heads(self) -> None:
        """Add adapter, pooling and the two heads, which are too small for 8 bits to pay."""
        for name in ("adapter.down", "adapter.up", "pooling.score"):
            self._linear(name, name)
        for head in ("word_head", "noise_head"):
            for layer in ("inner", "outer"):
                self._linear(f"{head}.{layer}", f"{head}.{layer}")

    def _convolution(self, name: str, place: str) -> None:
        """Add a convolution as one matrix (taps * channels, outputs), with its bias if there is one."""
        kernel = self._take(f"{place}.weight")
        self._keep(name, kernel.transpose(2, 1, 0).reshape(-1, len(kernel)))
        self._bias(name, place)

    def _linear(self, name: str, *places: str) -> None:
        """Add linear layers that share their input as one matrix, side by side; without a bias one gets zeros."""
        matrices = [self._take(f"{place}.weight") for place in places]
        self._keep(name, np.concatenate(matrices).T)
        if any(f"{place}.bias" in self._weights for place in places):  # Whisper's keys have none
            biases = (
                self._take(f"{place}.bias") if f"{place}.bias" in self._weights else np.zeros(len(matrix), np.float32)
                for place, matrix in zip(places, matrices, strict=True)
            )
            self._keep(name + BIAS, np.concatenate(list(biases)))

    def _norm(self, name: str, place: str) -> None:
        """Add a norm, if there is one; without a bias, it gets one of zeros."""
        if f"{place}.weight" in self._weights:
            self._keep(f"{name}.weight", self._take(f"{place}.weight"))
            self._keep(name + BIAS, np.zeros(len(self._weights[f"{place}.weight"])))
            self._bias(name, place)

    def _bias(self, name: str, place: str) -> None:
        if f"{place}.bias" in self._weights:
            self._keep(name + BIAS, self._take(f"{place}.bias"))

    def _take(self, name: str) -> NDArray[Any]:
        """One tensor in single precision: expanding all at once would take four times the size of the file."""
        return unscaled(self._weights[name], self._weights.get(name + SCALE)).astype(np.float32, copy=False)

    def _keep(self, name: str, values: NDArray[Any]) -> None:
        """Keep a tensor, in any order in memory: it takes a quarter of the time to transpose a matrix in 8 bits."""
        self.initializers[name] = values.astype(np.float32, copy=False)

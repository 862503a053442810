"""Builds the graph of the encoder of `kwsd.networks.whisper`."""

from __future__ import annotations

from kwsd.cards.names import INPUT
from kwsd.errors import ModelError
from kwsd.exporting.graph_builder import OWN, GraphBuilder
from kwsd.exporting.graph_parts import convolved, feed_forward, self_attention
from kwsd.networks.whisper import FLOOR, FRAME, HOP, RANGE, STEPS, WhisperSpotterConfig

_NEPERS = 2.302585092994046
"""Natural logarithms are divided by it to get those to base 10."""


def encoder(builder: GraphBuilder, config: WhisperSpotterConfig) -> str:
    """Windows -> the last hidden states (batch, vectors, hidden) of the samples that the scores are about.

    Raises:
        ModelError: an activation or a scale of the input that is not implemented here.
    """
    if config.activation_function != "gelu" or config.scale_embedding:
        raise ModelError("kwsd cannot write an ONNX graph for this activation or scale: run it on torch")
    hidden = _convolutions(builder, config, _spectrogram(builder, config.window_samples))
    hidden = builder.add("Add", hidden, builder.weight("position"))
    before = config.before_samples // (HOP * STEPS)
    for index in range(config.encoder_layers):
        block = f"block.{index}"
        inner = builder.layer_norm(hidden, f"{block}.norm", 1e-5)
        last = before if index == config.encoder_layers - 1 else 0  # the last block drops the left context
        attended = self_attention(builder, inner, block, config.encoder_attention_heads, last)
        hidden = builder.add("Add", builder.from_number(hidden, last), attended)
        hidden = feed_forward(builder, hidden, block)
    return builder.layer_norm(hidden, "encoder.norm", 1e-5)


def _spectrogram(builder: GraphBuilder, window: int) -> str:
    """The windows as `kwsd.networks.whisper.LogMel` shows them, but time before bands: (batch, steps, bands)."""
    half, used = FRAME // 2, window - HOP + FRAME  # centred frames; the last one, around the window's end, is left out
    padded = builder.add("Pad", INPUT, builder.whole([0, half, 0, half]), mode="reflect")
    heard = builder.add("Unsqueeze", builder.cut(padded, 1, 0, used), builder.whole([2]))
    spectrum = convolved(builder, heard, "spectrum", used, 1, FRAME, HOP)
    power = builder.add("MatMul", builder.add("Mul", spectrum, spectrum), builder.weight("filters"))
    heard = builder.add("Log", builder.add("Max", power, builder.number(FLOOR)))
    heard = builder.add("Div", heard, builder.number(_NEPERS))
    least = builder.add("Sub", builder.add("ReduceMax", heard, axes=[1, 2]), builder.number(RANGE))
    heard = builder.add("Add", builder.add("Max", heard, least), builder.number(4.0))
    return builder.add("Div", heard, builder.number(4.0))


def _convolutions(builder: GraphBuilder, config: WhisperSpotterConfig, hidden: str) -> str:
    """The two convolutions: (batch, steps, bands) -> (batch, vectors, hidden)."""
    steps = config.window_samples // HOP
    for index, (channels, stride) in enumerate(((config.num_mel_bins, 1), (config.d_model, 2))):
        hidden = builder.add("Pad", hidden, builder.whole([0, 1, 0, 0, 1, 0]))
        hidden = convolved(builder, hidden, f"conv.{index}", steps + 2, channels, 3, stride)
        hidden = builder.add("Gelu", hidden, domain=OWN)
    return hidden

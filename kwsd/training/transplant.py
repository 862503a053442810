"""Starts a HuBERT from the weights of Moonshine's encoder instead of random ones.

With `do_stable_layer_norm`, a HuBERT block matches a block of that encoder weight for weight, except for the biases of
attention and norms, which the encoder lacks and which start at zero. There are two differences. HuBERT normalises the
first convolution over time, channel by channel, where Moonshine takes a tanh and one norm for all channels: the front
end is therefore trained first (`kwsd.training.loop`). And HuBERT has a convolutional positional embedding where
Moonshine rotates queries and keys: it starts near zero and learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from kwsd.networks.heads import SpotterModel
from kwsd.networks.hubert import HubertSpotterModel
from kwsd.networks.moonshine import quieten

_LIFT = 2.0
"""GELU is nearly the identity above this, so the first norm's output is lifted, and the next bias undoes the lift."""


@torch.no_grad()
def transplant(model: HubertSpotterModel, encoder: Any, layers: Sequence[int], sample: torch.Tensor) -> None:
    """Copy the encoder's convolutions, and its blocks `layers`, into `model`, in place.

    The first convolution's channels are measured on the clips `sample` (batch, samples).
    """
    _convolutions(model, encoder, sample)
    _positions(model)
    hubert: Any = model.hubert
    for block, index in zip(hubert.encoder.layers, layers, strict=True):
        source = encoder.layers[index]
        for ours, theirs in (
            (block.attention.q_proj, source.self_attn.q_proj),
            (block.attention.k_proj, source.self_attn.k_proj),
            (block.attention.v_proj, source.self_attn.v_proj),
            (block.attention.out_proj, source.self_attn.o_proj),
            (block.layer_norm, source.input_layernorm),
            (block.final_layer_norm, source.post_attention_layernorm),
            (block.feed_forward.intermediate_dense, source.mlp.fc1),
            (block.feed_forward.output_dense, source.mlp.fc2),
        ):
            _copy(ours, theirs)
    _copy(hubert.encoder.layer_norm, encoder.layer_norm)


@torch.no_grad()
def calibrate_heads(model: SpotterModel, mean: torch.Tensor, deviation: torch.Tensor) -> None:
    """Rescale the adapter and the heads, in place, as if hidden states had mean 0 and deviation 1.

    `mean` and `deviation` (hidden,) are those of the encoder's hidden states, whose means are large and deviations
    small: heads with ordinary random weights would hardly respond to the variation.
    """
    for linear in (model.adapter.down, model.pooling.score, model.word_head.inner, model.noise_head.inner):
        linear.weight.div_(deviation)
        linear.bias.sub_(linear.weight @ mean)


def _copy(ours: Any, theirs: Any) -> None:
    ours.weight.copy_(theirs.weight)
    ours.bias.zero_() if theirs.bias is None else ours.bias.copy_(theirs.bias)


def _convolutions(model: Any, encoder: Any, sample: torch.Tensor) -> None:
    """Copy the three convolutions; of the second one's channels, those with the greatest weights in the third."""
    first, second, third = model.hubert.feature_extractor.conv_layers
    first.conv.weight.copy_(encoder.conv1.weight)
    first.conv.bias.zero_()
    # Each channel keeps the mean and the spread that it has after the encoder's own norm.
    normed = encoder.groupnorm(torch.tanh(encoder.conv1(quieten(sample).unsqueeze(1))))
    spread, mean = normed.std(dim=2).mean(dim=0), normed.mean(dim=(0, 2))
    lift = _LIFT * spread + 1.0
    first.layer_norm.weight.copy_(spread)
    first.layer_norm.bias.copy_(mean + lift)
    strength = encoder.conv3.weight.square().sum(dim=(0, 2))
    kept = strength.topk(second.conv.out_channels).indices.sort().values
    second.conv.weight.copy_(encoder.conv2.weight[kept])
    lifted = (encoder.conv2.weight[kept] * lift[None, :, None]).sum(dim=(1, 2))
    second.conv.bias.copy_(encoder.conv2.bias[kept] - lifted)
    third.conv.weight.copy_(encoder.conv3.weight[:, kept])
    third.conv.bias.copy_(encoder.conv3.bias)
    projection = model.hubert.feature_projection.projection
    projection.weight.copy_(torch.eye(projection.out_features))
    projection.bias.zero_()


def _positions(model: Any) -> None:
    """Bring the positional embedding near zero, by the magnitudes of its weight-normed kernel and its bias."""
    conv = model.hubert.encoder.pos_conv_embed.conv
    conv.parametrizations.weight.original0.mul_(0.1)
    conv.bias.zero_()

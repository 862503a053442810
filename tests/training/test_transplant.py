"""The transplant takes over the encoder's blocks weight for weight, and its convolutions nearly."""

from __future__ import annotations

import dataclasses

import torch
from transformers import MoonshineConfig, MoonshineModel

from kwsd.training.building import build_network
from kwsd.training.recipe import Network, Recipe, Schedule
from kwsd.training.teacher import convolutions, quieten
from kwsd.training.transplant import calibrate_heads, transplant


def test_blocks_are_copied_and_convolutions_come_near() -> None:
    torch.manual_seed(0)
    encoder = MoonshineModel(MoonshineConfig(decoder_num_hidden_layers=1)).encoder.eval()
    recipe = Recipe(
        "x", ("yes",), network=Network(num_hidden_layers=2, conv_stride=(64, 3, 2), conv_dim=(288, 576, 288))
    )
    model = build_network(dataclasses.replace(recipe, schedule=Schedule(seed=1))).eval()
    clips = torch.randn(4, 16_000) * 0.1
    transplant(model, encoder, (1, 4), clips)
    for block, index in zip(model.hubert.encoder.layers, (1, 4), strict=True):
        torch.testing.assert_close(block.attention.q_proj.weight, encoder.layers[index].self_attn.q_proj.weight)
        torch.testing.assert_close(block.feed_forward.output_dense.bias, encoder.layers[index].mlp.fc2.bias)
    with torch.no_grad():
        ours = model.hubert.feature_extractor(clips).transpose(1, 2)
        theirs = convolutions(encoder, quieten(clips))
    assert ours.shape == theirs.shape
    # With all channels kept, only the two norms differ; a random front end would be off by more than the variance.
    assert float((ours - theirs).square().mean() / theirs.var()) < 0.5


def test_calibrated_heads_see_the_encoder_as_if_it_were_standardised() -> None:
    recipe = Recipe("x", ("yes",), network=Network(num_hidden_layers=1))
    plain, calibrated = build_network(recipe), build_network(recipe)
    mean, deviation = torch.randn(288), torch.rand(288) + 0.1
    calibrate_heads(calibrated, mean, deviation)
    states = torch.randn(2, 40, 288)
    expected = plain.word_head.inner(states)
    torch.testing.assert_close(calibrated.word_head.inner(states * deviation + mean), expected, atol=1e-4, rtol=1e-4)
    expected = plain.pooling.score(states)
    torch.testing.assert_close(calibrated.pooling.score(states * deviation + mean), expected, atol=1e-4, rtol=1e-4)

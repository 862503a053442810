"""Builds a recipe's network with random weights."""

from __future__ import annotations

from typing import Any

import torch

from kwsd.networks.heads import SpotterModel, label_tables
from kwsd.networks.hubert import HubertSpotterConfig, HubertSpotterModel
from kwsd.networks.moonshine import MoonshineSpotterConfig, MoonshineSpotterModel
from kwsd.networks.whisper import HOP, STEPS, WhisperSpotterConfig, WhisperSpotterModel
from kwsd.samples import RATE
from kwsd.training.recipe import Recipe


def build_network(recipe: Recipe) -> SpotterModel:
    """The recipe's network with random weights, drawn from its seed."""
    torch.manual_seed(recipe.schedule.seed)
    kinds = {"moonshine": _moonshine, "whisper": _whisper}
    return kinds.get(recipe.network.kind, _hubert)(recipe)


def _whisper(recipe: Recipe) -> WhisperSpotterModel:
    window = recipe.network.window
    return WhisperSpotterModel(
        WhisperSpotterConfig(
            window_samples=window, about_samples=RATE, max_source_positions=window // (HOP * STEPS), **_on_top(recipe)
        )
    )


def _moonshine(recipe: Recipe) -> MoonshineSpotterModel:
    return MoonshineSpotterModel(
        MoonshineSpotterConfig(window_samples=recipe.network.window, about_samples=RATE, **_on_top(recipe))
    )


def _on_top(recipe: Recipe) -> dict[str, Any]:
    """The configuration of labels, adapter and heads, which all kinds of network share."""
    sizes = recipe.network
    return {
        "adapter_size": sizes.adapter_size,
        "head_size": sizes.head_size,
        "head_dropout": sizes.dropout,
        **label_tables(recipe.labels),
    }


def _hubert(recipe: Recipe) -> HubertSpotterModel:
    sizes = recipe.network
    return HubertSpotterModel(
        HubertSpotterConfig(
            hidden_size=sizes.hidden_size,
            intermediate_size=sizes.intermediate_size,
            num_attention_heads=sizes.num_attention_heads,
            num_hidden_layers=sizes.num_hidden_layers,
            conv_dim=sizes.conv_dim,
            conv_kernel=sizes.conv_kernel,
            conv_stride=sizes.conv_stride,
            num_conv_pos_embeddings=sizes.num_conv_pos_embeddings,
            hidden_dropout=sizes.dropout,
            attention_dropout=0.0,
            activation_dropout=0.0,
            feat_proj_dropout=0.0,
            layerdrop=0.0,
            mask_time_prob=0.0,
            conv_bias=True,
            feat_extract_norm="group",
            feat_proj_layer_norm=False,
            do_stable_layer_norm=True,
            **_on_top(recipe),
        )
    )

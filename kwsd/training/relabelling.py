"""One of kwsd's own networks with other labels: what it knows of speech, noise and other words stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from kwsd.labels import UNKNOWN, spelt
from kwsd.networks.heads import label_names, label_tables
from kwsd.networks.hubert import HubertSpotterModel
from kwsd.networks.torch_classifier import load_network


def relabelled(folder: Path, labels: Sequence[str], window: int) -> HubertSpotterModel:
    """The network in `folder`, to be taught `labels` in windows of `window` samples at 16 kHz.

    A label that it knows, in whatever case, keeps its node of the word head; a new one begins as another `_unknown_`,
    which it was so far. The encoder learns nothing more: where it did, from 40 clips of each of two words, they were
    heard no better.

    `labels` are words, then `_unknown_`, then `_silence_`. Raises TypeError for another network than a HuBERT of
    kwsd's own, and what transformers raises where it cannot be loaded: see `kwsd.networks.loading`.
    """
    network = load_network(folder)
    if not isinstance(network, HubertSpotterModel):
        raise TypeError("it is not kwsd's own HuBERT")
    before = label_names(network.config)
    network.word_head.outer = _nodes(network.word_head.outer, before, labels, network.config.unknown_offset)
    network.config.update({**label_tables(labels), "window_samples": window, "unknown_offset": 0.0})
    network.encoder.requires_grad_(False)
    return network


def _nodes(head: nn.Linear, before: Sequence[str], labels: Sequence[str], offset: float) -> nn.Linear:
    """The last layer of the word head with a node for each of `labels` but silence."""
    unknown = before.index(UNKNOWN)
    known = [spelt(label, before) for label in labels[:-1]]
    rows = [before.index(label) if label in before else unknown for label in known]
    wider = nn.Linear(head.in_features, len(rows))
    with torch.no_grad():
        wider.weight.copy_(head.weight[rows])
        wider.bias.copy_(head.bias[rows] + offset * torch.tensor([float(row == unknown) for row in rows]))
    return wider

"""Gives kwsd's own network other labels, or more of them; what it has learnt of speech, noise and words stays."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kwsd.labels import UNKNOWN, spelt
from kwsd.networks.heads import SpotterModel, label_names, label_tables
from kwsd.networks.hubert import HubertSpotterModel
from kwsd.networks.logit_adjustment import offsets_of, take_off
from kwsd.networks.torch_classifier import load_network


def relabelled(folder: Path, labels: Sequence[str], window: int) -> HubertSpotterModel:
    """The network in `folder`, to be taught `labels` in windows of `window` samples at 16 kHz.

    A label that it knows, in whatever case, keeps its node of the word head as it was before the export. A new label
    starts as a copy of `_unknown_`, as which it was scored so far. The encoder is frozen: when it learnt from 40 clips
    of each of two words, they were heard no better.

    `labels` are words, then `_unknown_`, then `_silence_`. Raises TypeError for a network that is not kwsd's own
    HuBERT, and what transformers raises where it cannot be loaded (see `kwsd.networks.loading`).
    """
    network = _own_hubert(folder)
    take_off(network)
    network.word_head.outer = _nodes(network.word_head.outer, label_names(network.config), labels)
    network.config.update({**label_tables(labels), "window_samples": window})
    network.encoder.requires_grad_(False)
    return network


def extended(folder: Path, labels: Sequence[str]) -> HubertSpotterModel:
    """The network in `folder`, to be taught the `labels` that it does not know; all other weights are frozen.

    So the odds among its old labels do not change, in any window. A new word starts as a copy of `_unknown_`, as which
    it was scored so far. After training, `settled` gives the network that `kwsd.exporting.export` writes.

    `labels` are all that it knows, as it spells them, and new ones: words, then `_unknown_`, then `_silence_`. Raises
    what `relabelled` raises.
    """
    network = _own_hubert(folder)
    offsets_of(network.config)  # raises now, not after training, where `settled` could not take the offsets off
    before = label_names(network.config)
    head: Any = network.word_head
    head.outer = Extended(head.outer, before[:-1], labels[:-1])
    network.config.update(label_tables(labels))
    for name, weights in network.named_parameters():
        weights.requires_grad_(".outer.new." in name)
    return network


def settled(network: SpotterModel) -> tuple[SpotterModel, dict[str, float]]:
    """A network of `extended` with its usual layers again, without logit offsets, and these offsets for its export.

    Any other network is returned as it is, with no offsets."""
    if not isinstance(network.word_head.outer, Extended):
        return network, {}
    plain: Any = copy.deepcopy(network)
    plain.word_head.outer = plain.word_head.outer.joined()
    return plain, take_off(plain)


class Extended(nn.Module):
    """A linear layer with additional nodes: the original ones are kept, and only the new ones learn.

    (batch, size) -> (batch, nodes).
    """

    def __init__(self, kept: nn.Linear, before: Sequence[str], labels: Sequence[str]) -> None:
        """`before` names the nodes of `kept`, `labels` all nodes in their order; new ones start as `_unknown_`."""
        super().__init__()
        self.fresh = [label for label in labels if label not in before]
        self.kept, self.new = kept, nn.Linear(kept.in_features, len(self.fresh))
        with torch.no_grad():
            unknown = before.index(UNKNOWN)
            self.new.weight.copy_(kept.weight[unknown].expand_as(self.new.weight))
            self.new.bias.copy_(kept.bias[unknown].expand_as(self.new.bias))
        self._order = [[*before, *self.fresh].index(label) for label in labels]

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.kept(hidden), self.new(hidden)], dim=-1)[..., self._order]

    def joined(self) -> nn.Linear:
        """All nodes as one layer."""
        found = nn.Linear(self.kept.in_features, len(self._order))
        with torch.no_grad():
            found.weight.copy_(torch.cat([self.kept.weight, self.new.weight])[self._order])
            found.bias.copy_(torch.cat([self.kept.bias, self.new.bias])[self._order])
        return found


def _own_hubert(folder: Path) -> HubertSpotterModel:
    network = load_network(folder)
    if not isinstance(network, HubertSpotterModel):
        raise TypeError("it is not kwsd's own HuBERT")
    return network


def _nodes(head: nn.Linear, before: Sequence[str], labels: Sequence[str]) -> nn.Linear:
    """The last layer of the word head with a node for each of `labels` but silence."""
    unknown = before.index(UNKNOWN)
    known = [spelt(label, before) for label in labels[:-1]]
    rows = [before.index(label) if label in before else unknown for label in known]
    wider = nn.Linear(head.in_features, len(rows))
    with torch.no_grad():
        wider.weight.copy_(head.weight[rows])
        wider.bias.copy_(head.bias[rows])
    return wider

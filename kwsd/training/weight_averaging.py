"""Averages two runs' weights: the mean hears as well as both networks together, at the cost of one.

Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
inference time". Both runs must start from the same weights: the same encoder, and heads drawn from the same seed.
"""

from __future__ import annotations

import copy

import torch

from kwsd.networks.heads import SpotterModel
from kwsd.training.trained import check_shapes


@torch.no_grad()
def average_weights(model: SpotterModel, other: SpotterModel, share: float) -> SpotterModel:
    """A copy of `model` with the weighted mean of both networks' weights; `share` (0 to 1) is the weight of `other`.

    Raises:
        ConfigError: the networks differ in shape.
    """
    ours, theirs = model.state_dict(), other.state_dict()
    check_shapes(ours, theirs, "soup.model")
    mixed: SpotterModel = copy.deepcopy(model)
    mixed.load_state_dict({name: torch.lerp(ours[name], theirs[name].to(ours[name]), share) for name in ours})
    return mixed

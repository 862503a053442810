"""Loads networks of earlier runs for a later one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from kwsd.errors import ConfigError, ModelError
from kwsd.networks.heads import SpotterModel, label_names
from kwsd.networks.loading import loading
from kwsd.networks.logit_adjustment import take_off
from kwsd.networks.torch_classifier import load_network
from kwsd.networks.whisper import POSITIONS
from kwsd.zoo import find_model


def load_trained(model: str, labels: Sequence[str], key: str) -> SpotterModel:
    """The model `model` (a name or a folder), frozen, without the offsets that its export added to the logits.

    Raises:
        ModelError: there is none, it is not kwsd's own, or it cannot be loaded.
        ConfigError: its labels are not `labels` in this order; the text names the recipe's `key`.
    """
    try:
        folder = find_model(model)
    except ModelError as error:
        raise ModelError(f"{key}: {error};", "if an earlier run makes it, give that run's recipe first") from error
    with loading(model, folder):
        network = load_network(folder)
        take_off(network)
    if label_names(network.config) != tuple(labels):
        raise ConfigError(f"{key}: {model} does not know the words of this recipe, in this order")
    network.requires_grad_(False)
    network.train(False)
    return network


def begin_with(model: SpotterModel, other: SpotterModel, key: str) -> None:
    """Give `model` the other one's weights. Raises ConfigError, with the recipe's `key`, for another shape.

    A Whisper keeps its positions, so that the other one may hear a longer or a shorter window.
    """
    ours, theirs = dict(model.state_dict()), dict(other.state_dict())
    name = f"{model.base_model_prefix}.{POSITIONS}"
    if name in ours and name in theirs:
        theirs[name] = ours[name]
    check_shapes(ours, theirs, key)
    model.load_state_dict(theirs)


def check_shapes(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor], key: str) -> None:
    """Raise ConfigError, with the recipe's `key`, unless two networks have the same weights in the same shapes."""
    if {name: weight.shape for name, weight in ours.items()} != {name: weight.shape for name, weight in theirs.items()}:
        raise ConfigError(f"{key}: it is another network than the recipe's")

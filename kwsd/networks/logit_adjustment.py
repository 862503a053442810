"""Offsets that are added to the logits of a word head after training, one per label.

A network learns the class frequencies of its training data, which had far more speech without a word than a listener
hears. It is also less sure of rare words in new voices, as it saw each of their few recordings hundreds of times.

Reference:
    Menon et al. 2021, "Long-tail learning via logit adjustment".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from kwsd.labels import UNKNOWN
from kwsd.networks.heads import SpotterModel, label_names


def offsets_of(config: Any) -> dict[str, float]:
    """The offset that was added to each label's logit, by this config; negative if the label was made less likely.

    Raises ValueError or TypeError if the config's offsets are not numbers, or name a label that is not a word.
    """
    words = {label: float(offset) for label, offset in dict(config.word_offsets or {}).items()}
    if strange := sorted(set(words) - set(label_names(config)[:-1])):
        raise ValueError(f"its word_offsets name {strange[0]!r}, which is not one of its words")
    return {UNKNOWN: -float(config.unknown_offset), **words}


def add(model: SpotterModel, offsets: Mapping[str, float]) -> None:
    """Add the `offsets` to the logits of their labels, and record them in the config, which must have none yet."""
    _shift(model, offsets)
    record(model.config, offsets)


def take_off(model: SpotterModel) -> dict[str, float]:
    """Remove the recorded offsets from the model and its config, and return them. Raises as `offsets_of` does."""
    offsets = offsets_of(model.config)
    _shift(model, {label: -offset for label, offset in offsets.items()})
    record(model.config, {})
    return offsets


def record(config: Any, offsets: Mapping[str, float]) -> None:
    """Record in the config the `offsets` that were added to the logits; `offsets_of` reads them."""
    config.unknown_offset = 0.0 - offsets.get(UNKNOWN, 0.0)  # never minus zero
    config.word_offsets = {label: float(offset) for label, offset in offsets.items() if label != UNKNOWN}


def _shift(model: SpotterModel, offsets: Mapping[str, float]) -> None:
    labels: Any = label_names(model.config)
    outer: Any = model.word_head.outer
    with torch.no_grad():
        for label, offset in offsets.items():
            outer.bias[labels.index(label)] += offset

"""What is added to a word head's logits after training, label by label.

A network's odds are those of what it learnt from: of speech that is no word there was far more than people say to a
listener, and of rare words, of which each recording was heard hundreds of times, it is less sure in other voices than
of the others.

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
    """What was added to the logits of the network with this config: negative for what was made less likely.

    Raises ValueError or TypeError where the config has no such numbers, or one of a label that is none of its words.
    """
    words = {label: float(offset) for label, offset in dict(config.word_offsets or {}).items()}
    if strange := sorted(set(words) - set(label_names(config)[:-1])):
        raise ValueError(f"its word_offsets name {strange[0]!r}, which is none of its words")
    return {UNKNOWN: -float(config.unknown_offset), **words}


def add(model: SpotterModel, offsets: Mapping[str, float]) -> None:
    """Add the `offsets` to the logits of these labels, and let the config say so. None were added before."""
    _shift(model, offsets)
    record(model.config, offsets)


def take_off(model: SpotterModel) -> dict[str, float]:
    """Make the model what it was before they were added, and tell them. Raises as `offsets_of`."""
    offsets = offsets_of(model.config)
    _shift(model, {label: -offset for label, offset in offsets.items()})
    record(model.config, {})
    return offsets


def record(config: Any, offsets: Mapping[str, float]) -> None:
    """Let the config say that they were added: see `offsets_of`."""
    config.unknown_offset = 0.0 - offsets.get(UNKNOWN, 0.0)  # never minus zero
    config.word_offsets = {label: float(offset) for label, offset in offsets.items() if label != UNKNOWN}


def _shift(model: SpotterModel, offsets: Mapping[str, float]) -> None:
    labels: Any = label_names(model.config)
    outer: Any = model.word_head.outer
    with torch.no_grad():
        for label, offset in offsets.items():
            outer.bias[labels.index(label)] += offset

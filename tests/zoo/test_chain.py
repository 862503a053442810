"""A verifier that has one itself: its scores are those of both together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kwsd.cards.card_writing import write_card
from kwsd.exporting.agreement import sounds
from kwsd.exporting.export import export_model
from kwsd.networks.cascade import Cascade, pooled
from kwsd.networks.heads import label_tables
from kwsd.networks.whisper import WhisperSpotterConfig, WhisperSpotterModel
from kwsd.zoo import load_classifier, read_card

LABELS = ("yes", "no", "_unknown_", "_silence_")


def test_a_verifiers_verifier_has_its_say(verified: Callable[..., Path]) -> None:
    place = verified(thresholds={"yes": 0.9}, verified_at={"yes": 0.8}, window=32_000)
    torch.manual_seed(12)
    sizes: dict[str, Any] = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    third = WhisperSpotterConfig(
        **sizes, adapter_size=4, head_size=8, pooling_heads=2, **label_tables(LABELS),
    )  # fmt: skip
    export_model(WhisperSpotterModel(third), place / "third", name="third", licence="CC0-1.0")
    windows = sounds(32_000, 5)
    single = [
        load_classifier(read_card(str(place / name)), device="cpu").score(windows[:, -length:])
        for name, length in (("larger", 32_000), ("third", 16_000))
    ]
    write_card(place / "larger", {"verifier": {"model": "third", "asked_from": 0.0, "weight": 0.25}})
    whole = load_classifier(read_card(str(place / "small")), device="cpu")
    assert isinstance(whole, Cascade)
    assert isinstance(whole.second, Cascade)
    first = whole.first.score(windows[:, -16_000:])
    both = pooled(single, (0.75, 0.25))
    assert np.allclose(whole.second.score(windows), both, atol=1e-6)
    assert np.allclose(whole.score(windows), pooled((first, both), (0.5, 0.5)), atol=1e-6)
    assert np.allclose(whole.score(windows), pooled((first, *single), (0.5, 0.375, 0.125)), atol=1e-6)

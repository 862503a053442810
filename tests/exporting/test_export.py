"""A folder that is written again: what its card says of other weights does not hold for the new ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForAudioClassification

from kwsd.cards.card_writing import write_card
from kwsd.exporting.export import export_model
from kwsd.zoo import DEFAULT_THRESHOLD, read_card


def test_what_was_chosen_stays_with_its_weights_and_goes_with_others(verified: Callable[..., Path]) -> None:
    folder = verified(thresholds={"yes": 0.9}, verified_at={"yes": 0.8}) / "small"
    write_card(folder, {"smoothing": 3, "latest_ms": 450})
    model = AutoModelForAudioClassification.from_pretrained(folder)
    export_model(model, folder, name="small", licence="CC0-1.0")
    card = read_card(str(folder))
    assert (card.smoothing, card.latest_ms, card.firing["yes"]) == (3, 450, 0.8)
    with torch.no_grad():
        model.word_head.outer.bias += 1.0
    export_model(model, folder, name="small", licence="CC0-1.0")
    card = read_card(str(folder))
    assert (card.smoothing, card.latest_ms, card.firing["yes"], card.verifier) == (2, None, DEFAULT_THRESHOLD, None)

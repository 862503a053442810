"""What a card says of the model that verifies, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kwsd.cards.verifier import read_verifier
from kwsd.errors import ModelError

CARD = {"verifier": {"model": "larger-one", "asked_from": 0.3, "weight": 0.6, "thresholds": {"yes": 0.9}}}


def test_a_card_names_its_verifier() -> None:
    found = read_verifier(CARD, "card.json")
    assert found is not None
    assert (found.model, found.asked_from, found.weight, found.thresholds) == ("larger-one", 0.3, 0.6, {"yes": 0.9})
    assert read_verifier({}, "card.json") is None


def test_thresholds_may_be_encoded_as_on_a_mac() -> None:
    found = read_verifier({"verifier": CARD["verifier"] | {"thresholds": {"gru\u0308n": 0.9}}}, "card.json")
    assert found is not None
    assert found.thresholds == {"gr\u00fcn": 0.9}
    twice = {"gr\u00fcn": 0.9, "gru\u0308n": 0.8}
    with pytest.raises(ModelError, match=r"thresholds have 'gr\u00fcn' twice, encoded in two ways; remove one of them"):
        read_verifier({"verifier": CARD["verifier"] | {"thresholds": twice}}, "card.json")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "../elsewhere"},
        {"model": ""},
        {"weight": 1.5},
        {"asked_from": "often"},
        {"asked_from": True},
        {"asked_from": float("nan")},
        {"weight": "0.8"},
        {"weight": None},
        {"model": 7},
        {"thresholds": {"yes": "0.9"}},
        {"thresholds": {"yes": True}},
        {"thresholds": [0.9]},
        {"thresholds": {"yes": 2}},
        {"thresholds": {"yes": 0}},
    ],
    ids=str,
)
def test_a_verifier_that_cannot_be(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"card\.json: the verifier's"):
        read_verifier({"verifier": CARD["verifier"] | change}, "card.json")


@pytest.mark.parametrize("value", [False, 0, "larger-one", []])
def test_a_verifier_that_is_no_table(value: object) -> None:
    with pytest.raises(ModelError, match=r"card\.json: verifier must be a JSON object"):
        read_verifier({"verifier": value}, "card.json")

"""What a model's card says of a second one, which has a say where the first believes to hear a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kwsd.errors import ModelError
from kwsd.events import RATE
from kwsd.networks.allowed import is_threshold


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a model's card says of the second one: its name, from which score on it is asked, what its word weighs.

    `thresholds` are those of the two together. `window` is what the second one hears at once, in samples; the card does
    not say it, the second one's folder does.
    """

    model: str
    asked_from: float
    weight: float
    thresholds: Mapping[str, float]
    window: int = RATE


def read_verifier(card: Mapping[str, Any], place: str) -> Verifier | None:
    """The card's `verifier`, if it has one. Raises ModelError, with `place` in it, for one that cannot be."""
    table = card.get("verifier")
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ModelError(f"{place}: its verifier is not told right (it must be a table)", "fetch the model again")
    try:
        found = Verifier(
            str(table["model"]),
            float(table["asked_from"]),
            float(table["weight"]),
            {str(word): float(threshold) for word, threshold in dict(table.get("thresholds", {})).items()},
        )
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise ModelError(f"{place}: its verifier is not told right ({error})", "fetch the model again") from error
    shares = all(0 <= number <= 1 for number in (found.asked_from, found.weight))
    if not (shares and all(map(is_threshold, found.thresholds.values())) and found.model.replace("-", "").isalnum()):
        raise ModelError(f"{place}: its verifier has no right name or numbers", "fetch the model again")
    return found

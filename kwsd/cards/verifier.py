"""A card's entry for a verifier: a second model that is asked where the first one seems to hear a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kwsd.cards.allowed import is_share, is_threshold
from kwsd.config.sections import LOWEST
from kwsd.errors import ModelError
from kwsd.labels import composed, twice
from kwsd.samples import RATE


@dataclass(frozen=True, slots=True)
class Verifier:
    """The verifier's name, the first model's score from which on it is asked, and the weight of its scores.

    `thresholds` are for all models together, the verifier's own verifier included. `window` is the length in samples of
    the longest input of those that verify, which their own folders say, not this card.
    """

    model: str
    asked_from: float
    weight: float
    thresholds: Mapping[str, float]
    window: int = RATE


def read_verifier(card: Mapping[str, Any], place: str) -> Verifier | None:
    """The card's `verifier`, or None. Raises ModelError, with `place` in it, for an invalid one."""
    table = card.get("verifier")
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ModelError(f"{place}: verifier must be a JSON object;", "fetch the model again")
    model, thresholds = table.get("model"), table.get("thresholds", {})
    if not isinstance(model, str) or not model.replace("-", "").isalnum():
        raise ModelError(f"{place}: the verifier's model {model!r:.40} is not a valid name;", "fetch the model again")
    for key in ("asked_from", "weight"):
        if not is_share(table.get(key)):
            what = f"{place}: the verifier's {key} is {table.get(key)!r:.40}, but must be a number from 0 to 1;"
            raise ModelError(what, "fetch the model again")
    if not isinstance(thresholds, Mapping) or not all(map(is_threshold, thresholds.values())):
        what = f"{place}: the verifier's thresholds must be numbers from {LOWEST:g} to 1, by word;"
        raise ModelError(what, "fetch the model again")
    if again := twice(thresholds):
        what = f"{place}: the verifier's thresholds have {again!r:.40} twice, encoded in two ways;"
        raise ModelError(what, "remove one of them")
    numbers = {composed(str(word)): float(threshold) for word, threshold in thresholds.items()}
    return Verifier(model, float(table["asked_from"]), float(table["weight"]), numbers)

"""What `kwsd models` shows of a model's card: a row of the list, its facts as text, and all of it for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kwsd.errors import ModelError
from kwsd.labels import enumerated
from kwsd.samples import RATE

if TYPE_CHECKING:
    from kwsd.cards.verifier import Verifier
    from kwsd.zoo import ModelCard

COLUMNS = ("model", "labels", "size", "licence", "cpu s/s", "score")
_MOST = 60
"""The most labels that are shown as text; AudioSet has 527."""


def row(card: ModelCard) -> tuple[str, ...]:
    """A model's row in the list, below `COLUMNS`."""
    return card.name, count(card), size(card), card.licence, _cost(card), _best(card)


def count(card: ModelCard) -> str:
    """The number of words; "any" for a zero-shot model."""
    return "any" if card.kind == "zero-shot" else f"{len(card.words)}"


def size(card: ModelCard) -> str:
    """The size of the model's files."""
    return f"{card.size_bytes / 1e6:.1f} MB"


def _cost(card: ModelCard) -> str:
    """Processor seconds for a second of speech, with the model's verifier if it has one; "-" if the card lacks them."""
    cost = card.scores.get("cpu_s_per_s")
    return f"{cost:g}" if isinstance(cost, (int, float)) else "-"


def _best(card: ModelCard) -> str:
    """The first figure of the card, or "-"."""
    return next((f"{key}: {value}" for key, value in flattened(card.scores)), "-")


def facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    """All that is known of a model, as keys and texts; a key may come several times."""
    if card.kind == "zero-shot":
        yield "words", "any: name them with --labels 'a dog barking, glass breaking'"
    else:
        yield "words", f"{len(card.words)}: {enumerated(card.words, _MOST)}"
    yield "hears", _hears(card)
    yield "size", size(card)
    yield "licence", card.licence
    yield "file" if card.kind == "exported" else "folder", str(card.path)
    for verifier in _verifiers(card):
        yield "verifier", verifier
    if card.substitution != 1:
        yield "fires by", f"its score, in which another listened word counts {card.substitution:g} of what no word does"
    if card.latest_ms is not None:
        yield "fires within", f"{card.latest_ms} ms of the first window that resembles the word, or not at all"
    if needs := _second_chance(card):
        yield "second chance", needs
    for key, value in flattened(card.scores):
        yield "score", f"{key}: {value}"


def _chain(card: ModelCard) -> Iterator[Verifier]:
    """The model's verifier, and each that is asked after it; those that cannot be read are left out."""
    from kwsd.zoo.finding import verifier_card

    while (verifier := card.verifier) is not None:
        yield verifier
        try:
            card = verifier_card(card, verifier.model)
        except ModelError:
            return


def _verifiers(card: ModelCard) -> Iterator[str]:
    """A line about each verifier."""
    before = ""
    for verifier in _chain(card):
        also = f" with {before}, too" if before else "; kwsd listen --no-verify turns it off"
        yield f"{verifier.model}, used where a word scores {verifier.asked_from:g} or more{also}"
        before = verifier.model


def _hears(card: ModelCard) -> str:
    """The input's length, the part of it that scores are about if that is shorter, and a verifier's longer input."""
    about = f"; its scores are about the last {card.about / RATE:g} s" if card.about < card.window else ""
    verifier = f"; its verifier {card.heard / RATE:g} s" if card.window < card.heard else ""
    return f"{card.window / RATE:g} s at once, at {card.rate} Hz{about}{verifier}"


def _second_chance(card: ModelCard) -> str:
    """What a word that came close needs when it is said again; "" if it needs as much as before."""
    from kwsd.spotting.second_chance import WITHIN, lowered

    due = {value: lowered(value, card.second_chance) for value in card.firing.values()}
    if all(least == value for value, least in due.items()):
        return ""
    needs = f"at {min(due.values()):.4g}" if len(due) == 1 else "at a lower score"
    return f"a word that came close fires {needs} if it is said again within {WITHIN / RATE:g} s"


def flattened(scores: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """The measured figures as names and texts; the names of nested tables are joined."""
    for key, value in scores.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from flattened(value, f"{name}, ")
        elif isinstance(value, float):
            yield name, f"{value:.6g}"
        else:
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"


def as_dict(card: ModelCard) -> dict[str, Any]:
    """All that is known of a model, in types that JSON has."""
    return {
        "name": card.name,
        "kind": card.kind,
        "folder": str(card.path),
        "words": list(card.words),
        "labels": list(card.labels),
        "thresholds": dict(card.firing),
        "verifier": card.verifier.model if card.verifier else None,
        "verifiers": [verifier.model for verifier in _chain(card)],
        "smoothing": card.smoothing,
        "substitution": card.substitution,
        "latest_ms": card.latest_ms,
        "second_chance": card.second_chance,
        "window_s": card.window / RATE,
        "heard_s": card.heard / RATE,
        "about_s": card.about / RATE,
        "rate_hz": card.rate,
        "licence": card.licence,
        "size_bytes": card.size_bytes,
        "scores": dict(card.scores),
    }

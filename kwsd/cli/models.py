"""`kwsd models`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kwsd.cli import console
from kwsd.errors import ModelError

if TYPE_CHECKING:
    from kwsd.zoo import ModelCard


def models(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Only this model, or a model folder.")] = "",
    format: Annotated[Literal["text", "json"], typer.Option(metavar="text|json", help="How to show them.")] = "text",
) -> None:
    """Show the models that kwsd ships: words, size, licence, scores and cost.

    Their files are verified on the way. Choose one when listening:

      kwsd listen --model hubert-commands
    """
    from kwsd.zoo import read_card, shipped_models

    cards = [read_card(name)] if name else shipped_models()
    if not cards:
        raise ModelError("no model came with this kwsd: install it again, or name a model folder with --model")
    if format == "json":
        console.say_json([_as_dict(card) for card in cards])
        return
    for index, card in enumerate(cards):
        console.say(("\n" if index else "") + card.name)
        for key, value in _facts(card):
            lines = textwrap.wrap(value, 76) or [""]
            console.say(f"  {key:<10} {lines[0]}")
            for line in lines[1:]:
                console.say(f"  {'':<10} {line}")


def _facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield "words", f"{len(card.words)}: {', '.join(card.words)}"
    yield "size", f"{card.size_bytes / 1e6:.1f} MB"
    yield "licence", card.licence
    yield "folder", str(card.path)
    for key, value in flattened(card.scores):
        yield "score", f"{key}: {value}"


def flattened(scores: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Whatever was measured, a line each: tables within tables under joined names."""
    for key, value in scores.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from flattened(value, f"{name}, ")
        elif isinstance(value, float):
            yield name, f"{value:.6g}"
        else:
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"


def _as_dict(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "folder": str(card.path),
        "words": list(card.words),
        "thresholds": dict(card.thresholds),
        "licence": card.licence,
        "size_bytes": card.size_bytes,
        "scores": dict(card.scores),
    }

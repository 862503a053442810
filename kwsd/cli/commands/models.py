"""`kwsd models`: list, info, pull and remove."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kwsd.cli import console, stderr
from kwsd.cli.fetching import pull_shown, refuse_empty
from kwsd.cli.flags import complete_model, given_flags
from kwsd.errors import ModelError, UsageError
from kwsd.labels import enumerated
from kwsd.samples import RATE
from kwsd.shown import one_line

if TYPE_CHECKING:
    from kwsd.zoo import ModelCard

Format = Annotated[Literal["text", "json"], typer.Option(metavar="text|json", help="How to show them.")]
_MOST = 60
"""The most labels that `info` prints as text; AudioSet has 527."""


def models(context: typer.Context, format: Format = "text") -> None:
    """List the models on this machine, show one, fetch one from the Hub, remove it.

      kwsd models list                       shipped and pulled, and their labels
      kwsd models info hubert-commands       all that is known of one
      kwsd models pull OWNER/NAME            fetch one, to listen with it off line
      kwsd models remove OWNER/NAME          and be rid of it again

    Without a command they are listed; --format json is for programs.
    """
    if context.invoked_subcommand is None:
        list_models(format)
    elif given_flags(context, ["format"]):
        raise UsageError("--format goes behind the command", f"kwsd models {context.invoked_subcommand} --format …")


def list_models(format: Format = "text") -> None:
    """List the models that are on this machine: shipped with kwsd, or pulled.

    Of a model in a folder of yours, `kwsd models info FOLDER` tells the same.
    """
    from kwsd.zoo import pulled_models, shipped_models

    cards = [*shipped_models(), *pulled_models()]
    if not cards:
        raise ModelError(
            "there are no models in this installation of kwsd;", "install kwsd again, or pull one: kwsd models pull ID"
        )
    if format == "json":
        console.say_json([_as_dict(card) for card in cards])
        return
    rows = [(card.name, _count(card), _size(card), card.licence, _cost(card), _best(card)) for card in cards]
    console.table("", ("model", "labels", "size", "licence", "cpu s/s", "score"), rows)


def info(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A shipped model, a folder, a .onnx file, or an id.", autocompletion=complete_model
        ),
    ],
    format: Format = "text",
) -> None:
    """Show a model: labels, what it hears, size, licence, measured scores and cost.

    Its files are verified on the way. Choose it when listening:

      kwsd listen --model hubert-commands
    """
    from kwsd.zoo import read_card

    refuse_empty(model)
    card = read_card(model)
    if format == "json":
        console.say_json(_as_dict(card))
        return
    console.say(card.name)
    for key, value in _facts(card):
        lines = textwrap.wrap(one_line(value), 74, break_long_words=False, break_on_hyphens=False) or [""]
        console.say(f"  {key:<13} {lines[0]}")
        for line in lines[1:]:
            console.say(f"  {'':<13} {line}")


def pull(
    models: Annotated[list[str], typer.Argument(metavar="ID...", help="OWNER/NAME, or OWNER/NAME@REVISION.")],
) -> None:
    """Fetch models from the Hub, to listen with them off line afterwards.

      kwsd models pull MIT/ast-finetuned-speech-commands-v2
      kwsd models pull superb/hubert-base-superb-ks@refs/pr/2

    Only the configuration, the weights as safetensors, a tokenizer's files and what
    kwsd's own models have besides are fetched: no code and no pickle. Each file is
    verified by its checksum; a pull that broke off goes on where it stopped. They lie
    in the Hub's usual cache: HF_HOME, HF_TOKEN and HF_HUB_OFFLINE mean what they mean
    elsewhere.
    """
    from kwsd.zoo import read_card

    refuse_empty(*models)
    stderr.log_from()
    for model in models:
        pull_shown(model)
        card = read_card(model)
        console.say(f"{card.name}  {_count(card)} labels, {_size(card)}, licence {card.licence}, {card.path}")


def remove(
    models: Annotated[list[str], typer.Argument(metavar="ID...", help="OWNER/NAME, or OWNER/NAME@REVISION.")],
) -> None:
    """Remove pulled models from the cache.

      kwsd models remove MIT/ast-finetuned-speech-commands-v2

    All revisions of a model go, or the one that is named.
    """
    from kwsd.zoo import remove_model

    refuse_empty(*models)
    for model in models:
        freed = remove_model(model)
        console.say(f"removed {model}, {freed / 1e6:.1f} MB")


def _count(card: ModelCard) -> str:
    return "any" if card.kind == "zero-shot" else f"{len(card.words)}"


def _size(card: ModelCard) -> str:
    return f"{card.size_bytes / 1e6:.1f} MB"


def _cost(card: ModelCard) -> str:
    """Processor seconds for a second of speech, with the model's verifier if it has one; "" if the card lacks them."""
    cost = card.scores.get("cpu_s_per_s")
    return f"{cost:g}" if isinstance(cost, (int, float)) else ""


def _best(card: ModelCard) -> str:
    """The first figure of the card, or ""."""
    return next((f"{key}: {value}" for key, value in flattened(card.scores)), "")


def _facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    if card.kind == "zero-shot":
        yield "words", "any: name them with --labels 'a dog barking, glass breaking'"
    else:
        yield "words", f"{len(card.words)}: {enumerated(card.words, _MOST)}"
    yield "hears", _hears(card)
    yield "size", _size(card)
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


def _verifiers(card: ModelCard) -> Iterator[str]:
    """A line about the verifier, and one about each that is asked after it; those that cannot be read are left out."""
    from kwsd.zoo.finding import verifier_card

    before = ""
    while (verifier := card.verifier) is not None:
        also = f" with {before}, too" if before else "; kwsd listen --no-verify turns it off"
        yield f"{verifier.model}, used where a word scores {verifier.asked_from:g} or more{also}"
        try:
            card, before = verifier_card(card, verifier.model), verifier.model
        except ModelError:
            return


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


def _as_dict(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "kind": card.kind,
        "folder": str(card.path),
        "words": list(card.words),
        "labels": list(card.labels),
        "thresholds": dict(card.firing),
        "verifier": card.verifier.model if card.verifier else None,
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

"""`kwsd models`: list, info, pull and remove."""

from __future__ import annotations

import textwrap
from typing import Annotated, Literal

import typer

from kwsd.cli import console, stderr
from kwsd.cli.card_facts import COLUMNS, as_dict, count, facts, row, size
from kwsd.cli.fetching import pull_shown, refuse_empty
from kwsd.cli.flags import complete_model, given_flags
from kwsd.errors import ModelError, UsageError
from kwsd.shown import one_line

Format = Annotated[Literal["text", "json"], typer.Option(metavar="text|json", help="How to show them.")]


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

    A - stands for what was not measured. Of a model in a folder of yours, `kwsd
    models info FOLDER` tells the same.
    """
    from kwsd.zoo import pulled_models, shipped_models

    cards = [*shipped_models(), *pulled_models()]
    if not cards:
        raise ModelError(
            "there are no models in this installation of kwsd;", "install kwsd again, or pull one: kwsd models pull ID"
        )
    if format == "json":
        console.say_json([as_dict(card) for card in cards])
        return
    console.table("", COLUMNS, [row(card) for card in cards])


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
        console.say_json(as_dict(card))
        return
    console.say(card.name)
    for key, value in facts(card):
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
        console.say(f"{card.name}  {count(card)} labels, {size(card)}, licence {card.licence}, {card.path}")


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

"""Builds groups of commands: empty ones, of which the program is one, `kwsd models` and `kwsd eval`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer

from kwsd.cli.manual import ManualCommand, ManualGroup

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def group(**settings: Any) -> typer.Typer:
    """A group without commands, whose help reads like a manual; `settings` are typer's."""
    return typer.Typer(
        cls=ManualGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
        context_settings=_SETTINGS, **settings,
    )  # fmt: skip


def add(to: typer.Typer, panel: str, command: Callable[..., Any], name: str | None = None) -> None:
    """Add a command to a group, with its docstring dedented: typer would take the indentation as it is."""
    said = inspect.getdoc(command)
    to.command(name, cls=ManualCommand, rich_help_panel=panel, help=said, context_settings=_SETTINGS)(command)


def models_group() -> typer.Typer:
    """`kwsd models`."""
    from kwsd.cli.commands.models import info, list_models, models, pull, remove

    zoo = group(add_completion=False)
    zoo.callback(invoke_without_command=True, no_args_is_help=False)(models)
    add(zoo, "Models", list_models, "list")
    for command in (info, pull, remove):
        add(zoo, "Models", command)
    return zoo


def eval_group() -> typer.Typer:
    """`kwsd eval`."""
    from kwsd.cli.commands.eval_clips import clips
    from kwsd.cli.commands.eval_negatives import negatives
    from kwsd.cli.commands.eval_stream import stream

    evaluation = group(add_completion=False)

    @evaluation.callback()
    def evaluate() -> None:
        """Measure how well a model hears: clips; streams and negatives as the daemon does.

          kwsd eval clips recordings/            accuracy, a word a clip
          kwsd eval stream talk.wav talk.tsv     misses and false alarms in long audio
          kwsd eval negatives speech/            what fires where nothing should

        All three print tables; --json writes everything that was found to a file.
        """

    for command in (clips, stream, negatives):
        add(evaluation, "What to measure", command)
    return evaluation

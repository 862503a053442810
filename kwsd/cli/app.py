"""Joins the commands into one program."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from kwsd import __version__
from kwsd.cli.commands.bench import bench
from kwsd.cli.commands.classify import classify
from kwsd.cli.commands.config import config
from kwsd.cli.commands.devices import devices
from kwsd.cli.commands.doctor import doctor
from kwsd.cli.commands.eval_clips import clips
from kwsd.cli.commands.eval_negatives import negatives
from kwsd.cli.commands.eval_stream import stream
from kwsd.cli.commands.events import events
from kwsd.cli.commands.export import export
from kwsd.cli.commands.listen import listen
from kwsd.cli.commands.models import Format, info, list_models, pull, remove
from kwsd.cli.commands.status import status
from kwsd.cli.commands.train import train
from kwsd.cli.commands.version import version
from kwsd.cli.console import say
from kwsd.cli.flags import given_flags
from kwsd.cli.manual import ManualCommand, ManualGroup
from kwsd.errors import UsageError

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _typer(**settings: Any) -> typer.Typer:
    return typer.Typer(
        cls=ManualGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
        context_settings=SETTINGS, **settings,
    )  # fmt: skip


app = _typer()
evaluation = _typer(add_completion=False)
zoo = _typer(add_completion=False)


def _show_version(asked: bool) -> None:
    if asked:
        say(f"kwsd {__version__}")
        raise typer.Exit


@app.callback()
def kwsd(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which version this is.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Say a word, and the machine acts: a daemon that listens for keywords.

      kwsd listen                            the default microphone
      kwsd listen talk.wav                   a recording, as fast as it can be read
      kwsd listen --hook 'stop=playerctl pause' --words stop
      kwsd doctor                            what is missing, and what to do about it

    Results go to standard output, the log to standard error. Exit status: 0 fine,
    2 wrong usage, 66 no such input, 69 a device, a library, the network or room on the
    disk is missing, 70 a fault in kwsd, 73 a file cannot be written, 78 the configuration
    or the model is wrong, 129 and 130 hung up and interrupted.
    """


@evaluation.callback()
def evaluate() -> None:
    """Measure how well a model hears: clips; streams and negatives as the daemon does.

      kwsd eval clips recordings/            accuracy, a word a clip
      kwsd eval stream talk.wav talk.tsv     misses and false alarms in long audio
      kwsd eval negatives speech/            what fires where nothing should

    All three print tables; --json writes everything that was found to a file.
    """


@zoo.callback(invoke_without_command=True, no_args_is_help=False)
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


def _add(group: typer.Typer, panel: str, command: Callable[..., Any], name: str | None = None) -> None:
    """Add a command to a group, with its docstring dedented: typer would take the indentation as it is."""
    said = inspect.getdoc(command)
    group.command(name, cls=ManualCommand, rich_help_panel=panel, help=said, context_settings=SETTINGS)(command)


for _command in (listen, classify, events, status, devices):
    _add(app, "Listen", _command)
for _command in (doctor, config, version):
    _add(app, "Look after it", _command)
app.add_typer(zoo, name="models", rich_help_panel="Look after it")
_add(zoo, "Models", list_models, "list")
for _command in (info, pull, remove):
    _add(zoo, "Models", _command)
for _command in (train, export, bench):
    _add(app, "Teach and measure", _command)
app.add_typer(evaluation, name="eval", rich_help_panel="Teach and measure")
for _command in (clips, stream, negatives):
    _add(evaluation, "What to measure", _command)

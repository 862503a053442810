"""Joins the commands into one program, of which only what a command line needs is imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from kwsd import __version__
from kwsd.cli.console import say
from kwsd.cli.groups import add, eval_group, group, models_group
from kwsd.cli.named_command import named_command

_GROUPS = {"models": models_group, "eval": eval_group}
_PANELS = {
    "Listen": ("listen", "classify", "events", "status", "devices"),
    "Look after it": ("doctor", "config", "version", "models"),
    "Teach and measure": ("train", "export", "bench", "eval"),
}
"""The commands and groups, in the order of the help. A command is the function of this name in the module of
`kwsd.cli.commands` of the same name."""


def program(arguments: Sequence[str]) -> typer.Typer:
    """The program with the command that `arguments` name; with all commands, if they name none of these.

    Importing all of them would take a tenth of the time in which `kwsd listen` gets ready.
    """
    app = group()
    app.callback()(kwsd)
    named = named_command(arguments)
    known = any(named in names for names in _PANELS.values())
    for panel, names in _PANELS.items():
        for name in names:
            if known and name != named:
                continue
            if name in _GROUPS:
                app.add_typer(_GROUPS[name](), name=name, rich_help_panel=panel)
            else:
                add(app, panel, getattr(import_module(f"kwsd.cli.commands.{name}"), name))
    return app


def _show_version(asked: bool) -> None:
    if asked:
        say(f"kwsd {__version__}")
        raise typer.Exit


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
    2 wrong usage, 66 a recording cannot be read, 69 a device, a library, the network or
    room on the disk is missing, 70 a fault in kwsd, 73 a file cannot be written, 78 the
    configuration or the model is wrong, 129, 130 and 143 ended by SIGHUP, Ctrl-C and
    SIGTERM.
    """

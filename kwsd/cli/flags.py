"""Builds command-line flags from the configuration's options, which alone declare flag, type, range and help.

Typer checks no path beforehand (`readable=False`, in all commands): reading it reports errors with the right exit
status, and goes on with other files.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from kwsd.config import Config, Option, options, parse_hook_flags
from kwsd.config.values import allowed

HOOKS = "hooks.words"
_SHELL_HOOKS = "hook_shell"
_METAVARS = {"_ms": "MS", "_s": "SECONDS"}

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", readable=False, help="Configuration file [default: see `kwsd config --path`]."
    ),
]
"""The type of a command's own `--config`."""


def given_flags(ctx: typer.Context, parameters: Sequence[str]) -> list[str]:
    """The parameters out of `parameters` that were given on the command line, as flags."""
    sources = {f"--{name.replace('_', '-')}": ctx.get_parameter_source(name) for name in parameters}
    return [flag for flag, source in sources.items() if source and source.name == "COMMANDLINE"]


def configured(*wanted: str, without: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the flags of the options `wanted` (keys or sections; all if none is named).

    The command's parameter `overrides` gets the given values by key, ready for `load_config`.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        chosen = [option for key, option in options().items() if option.flag and key not in without]
        if wanted:
            chosen = [option for option in chosen if option.key in wanted or option.section in wanted]
        flags = _parameters(chosen)

        def run(**given: Any) -> Any:
            own = {name: value for name, value in given.items() if name not in flags}
            return command(**own, overrides=overrides({name: given[name] for name in flags}))

        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(command, eval_str=True).parameters.items()
            if name != "overrides"
        ]
        parameters = [*own, *flags.values()]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # a function takes attributes
        return run

    return decorate


def overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the flags' values by parameter into values by key for `load_config`, without flags that were not given."""
    keys = {parameter_of(option): option for option in options().values()}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in keys and value is not None and name != parameter_of(options()[HOOKS]):
            found[keys[name].key] = not value if _only_off(keys[name]) else value
    lines, shell_lines = given.get(parameter_of(options()[HOOKS])), given.get(_SHELL_HOOKS)
    if lines or shell_lines:
        found[HOOKS] = parse_hook_flags(lines or (), shell_lines or ())
    return found


def _parameters(chosen: Sequence[Option]) -> dict[str, inspect.Parameter]:
    """A parameter for each option, by name."""
    found = {}
    for option in chosen:
        found[parameter_of(option)] = _parameter(parameter_of(option), _type(option), _info(option))
        if option.key == HOOKS:
            info = typer.Option(
                "--hook-shell", metavar="WORD=LINE", rich_help_panel=_panel(option.section),
                help="The same for a line that a shell shall read, with pipes, variables and &&.",
            )  # fmt: skip
            found[_SHELL_HOOKS] = _parameter(_SHELL_HOOKS, list[str] | None, info)
    return found


def _parameter(name: str, kind: Any, info: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, info])


def _info(option: Option) -> Any:
    return typer.Option(
        option.flag,
        help=described(option),
        metavar=None if option.is_switch else _metavar(option),
        rich_help_panel=_panel(option.section),
        autocompletion=completer(option),
        show_default=False,
    )


def described(option: Option) -> str:
    """The option's help, with its default and its range, if it has them."""
    text = f"Do not {option.help[0].lower()}{option.help[1:]}" if _only_off(option) else option.help
    facts = []
    if option.default not in (None, "", ()) and not option.is_table:
        shown = {True: "yes", False: "no"}.get(option.default) if option.is_switch else f"{option.default}"
        facts.append(f"default: {shown}")
    if option.low is not None:
        facts.append(allowed(option).split(" from ")[1])
    return f"{text} [{'; '.join(facts)}]" if facts else text


def _type(option: Option) -> Any:
    """The type of the option's parameter.

    Values stay text: `load_config` parses and checks them, with errors that name flag, value and range."""
    if option.key == HOOKS:
        return list[str] | None
    return bool | None if option.is_switch else str | None


def _only_off(option: Option) -> bool:
    """Whether its flag can only switch it off, as `--no-socket`."""
    return option.is_switch and option.flag.startswith("--no-")


def _metavar(option: Option) -> str:
    if option.choices:
        return "|".join(option.choices)
    if option.key == HOOKS:
        return "WORD=COMMAND"
    if option.is_list:
        return "WORD,WORD"
    if option.type is str:
        return option.name.upper()
    return next((unit for end, unit in _METAVARS.items() if option.name.endswith(end)), "N")


def completer(option: Option) -> Callable[[str], list[str]] | None:
    """A function that completes values for the shell; None if the option has no list of them.

    The shell offers files without a completer, and where no value fits."""
    names_model = option.key == "model.name"
    if not names_model and not option.choices:
        return None

    def complete(incomplete: str) -> list[str]:
        return [value for value in option.choices if value.startswith(incomplete)]

    return complete_model if names_model else complete


def complete_model(incomplete: str) -> list[str]:
    """The shipped models whose names begin so."""
    from kwsd.zoo.finding import shipped_names  # imports numpy, which only completion needs

    return [name for name in shipped_names() if name.startswith(incomplete)]


def parameter_of(option: Option) -> str:
    """The name of a command's parameter for an option."""
    return option.key.replace(".", "_")


@cache
def _panel(section: str) -> str:
    """The title of a section's group of flags: the first line of its dataclass's docstring."""
    if sys.flags.optimize > 1:  # there are no docstrings, and dataclass() makes one of the fields
        return section
    return (get_type_hints(Config)[section].__doc__ or section).splitlines()[0].rstrip(".")

"""Refuses a flag that is given twice, of which only the last would count."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from kwsd.cli.flags import parameter_of
from kwsd.config import Option, options
from kwsd.errors import UsageError

_ONE = "leave one of them out"


def refuse_repeats(given: Sequence[Any]) -> None:
    """Raise UsageError if one of typer's parameters occurs more than once in `given`.

    Repeatable flags, such as --hook, may occur several times. So may a command's own switch, such as --path, unless it
    has an opposite, such as --fresh/--resume, which could contradict it.
    """
    known = {parameter_of(option): option for option in options().values() if option.flag}
    for parameter in given:
        if given.count(parameter) == 1 or parameter.param_type_name != "option" or parameter.multiple:
            continue
        option = known.get(parameter.name)  # a command's own --words may be a folder
        if option is not None:
            raise UsageError(f"{option.flag} was given twice;", _instead(option))
        if parameter.secondary_opts or not parameter.is_flag:
            raise UsageError(f"{'/'.join((parameter.opts[0], *parameter.secondary_opts[:1]))} was given twice;", _ONE)


def _instead(option: Option) -> str:
    if not option.is_list:
        return _ONE
    return f"write {option.flag} {shlex.quote(','.join(option.example))}"

"""A flag that is given twice, of which only the last would count."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from kwsd.config import Option, options
from kwsd.errors import UsageError

_ONE = "leave one of them away"


def refuse_repeats(given: Sequence[Any]) -> None:
    """Raise UsageError where one of the configuration's flags is among typer's parameters `given` more than once.

    Flags that add up, as --hook does, may be; so may those that a command has for itself, but for a switch with two
    names, as --fresh and --resume are: they contradict each other.
    """
    known = {option.flag.partition("/")[0]: option for option in options().values() if option.flag}
    once = [parameter for parameter in given if not getattr(parameter, "multiple", False)]
    for parameter in once:
        option = known.get(parameter.opts[0]) if parameter.opts else None
        if option is not None and once.count(parameter) > 1:
            raise UsageError(f"{option.flag} was given twice;", _instead(option))
        if getattr(parameter, "secondary_opts", None) and once.count(parameter) > 1:
            raise UsageError(f"{parameter.opts[0]}/{parameter.secondary_opts[0]} was given twice;", _ONE)


def _instead(option: Option) -> str:
    if option.type != tuple[str, ...]:
        return _ONE
    return f"write {option.flag} {shlex.quote(','.join(option.example))}"

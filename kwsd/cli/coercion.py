"""Spares a command line pydantic, with which typer converts values: 14 MB that would stay, and a tenth of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from kwsd.cli.refusals import named
from kwsd.errors import UsageError

_USUAL = "get_runtime_param"


def convert_plainly(parameters: list[Any]) -> list[Any]:
    """The same parameters of typer's, which take texts, paths, choices and defaults as they are from now on.

    Paths are not checked, see `kwsd.cli.flags`; only an empty one, which would be the current folder, is refused. A
    typer that converts in another way goes on as it does.
    """
    for parameter in parameters:
        if hasattr(parameter, _USUAL) and _USUAL not in vars(parameter):
            plain = _Plain(parameter.type_descriptor.annotation, parameter.get_runtime_param)
            parameter.get_runtime_param = lambda plain=plain: plain
    return parameters


class _Plain:
    """Converts the values of one of typer's parameters, as the object does that `usual` gives."""

    def __init__(self, annotation: Any, usual: Callable[[], Any]) -> None:
        self._is_list = get_origin(annotation) is list
        kind = get_args(annotation)[0] if self._is_list else annotation
        self._kind = kind if kind in (str, Path) else None
        self._choices = get_args(kind) if get_origin(kind) is Literal else ()
        self._usual = usual

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value that the command gets; `value` is what was given, or the default.

        Raises UsageError for an empty path."""
        if value is None:
            return () if self._is_list else None
        if self._kind is Path and "" in (value if self._is_list else (value,)):
            raise UsageError(f"{named(param)} is empty;", "name a file or a folder; . is the current one")
        if self._is_list and self._kind:
            return [self._kind(item) for item in value]
        if self._kind:
            return self._kind(value)
        given = isinstance(value, (str, tuple))
        return self._usual().coerce(value, param=param, ctx=ctx) if given and value not in self._choices else value

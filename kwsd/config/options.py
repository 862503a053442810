"""Lists the options by key, in the form that the file, the flags and the help use."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, get_origin, get_type_hints

from kwsd.config.sections import Config
from kwsd.labels import spelt


@dataclass(frozen=True, slots=True)
class Option:
    """One option, in the form that the file, the flags and the help use."""

    section: str
    name: str
    type: Any
    default: Any
    help: str
    flag: str
    low: float | None
    high: float | None
    step: int | None
    choices: tuple[str, ...]
    example: Any
    valid: Callable[[str], bool] | None
    form: str

    @property
    def key(self) -> str:
        """Section and name: `gate.onset_ms`."""
        return f"{self.section}.{self.name}"

    @property
    def is_switch(self) -> bool:
        """Whether it is a boolean, with a flag such as `--x/--no-x`."""
        return self.type in (bool, bool | None)

    @property
    def is_list(self) -> bool:
        """Whether it is a list of texts."""
        return bool(self.type == tuple[str, ...])

    @property
    def is_table(self) -> bool:
        """Whether it is a table by word."""
        return get_origin(self.type) is Mapping

    def value_in(self, config: Config) -> Any:
        """The option's value in `config`."""
        return getattr(getattr(config, self.section), self.name)

    def flag_for(self, value: Any) -> str:
        """The flag that gives this value, for `--x/--no-x` its half; "" if the option has no flag."""
        on, _, off = self.flag.partition("/")
        return off if off and not value else on


@cache
def options() -> Mapping[str, Option]:
    """Every option by its key, in the order of the dataclasses."""
    found = {}
    for name, section in get_type_hints(Config).items():
        hints = get_type_hints(section)
        for entry in fields(section):
            factory = entry.default_factory
            default = entry.default if factory is MISSING else factory()
            option = Option(name, entry.name, hints[entry.name], default, **entry.metadata)
            found[option.key] = option
    return found


def nearest(wrong: str, right: Iterable[str]) -> str:
    """A question that names the entry of `right` most similar to `wrong`, ignoring case; "" if none is similar."""
    among = list(right)
    close = difflib.get_close_matches(spelt(wrong, among), among, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""

"""Writes a configuration as TOML that `load_config` reads back."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from kwsd.config import SHELL, LoadedConfig, Option, options
from kwsd.shown import json_text, one_line, spelt_out


def as_toml(loaded: LoadedConfig) -> str:
    """Every option with its help, its value and the value's origin.

    Unset and empty options have an example. `#` without a space comments out a key; comments in words have a space
    after it. The file stays valid with all commented keys put in. A value that is not UTF-8 is only shown in a comment.
    """
    sections: dict[str, list[str]] = {}
    tables: dict[str, list[str]] = {}
    for key, option in options().items():
        lines = sections.setdefault(option.section, [f"[{option.section}]"])
        value = option.value_in(loaded.config)
        if option.is_table:
            tables.setdefault(option.section, []).extend(_table(key, option, value, loaded.origins))
            continue
        lines += [f"# {line}" for line in textwrap.wrap(option.help, 96)]
        lines.append(_line(option, value, loaded.origins[key]))
    return "\n\n".join("\n".join(lines + tables.get(section, [])) for section, lines in sections.items())


def _table(key: str, option: Option, value: Mapping[str, Any], origins: Mapping[str, str]) -> list[str]:
    entries = [_set(as_key(word), entry, origins[f"{key}.{word}"]) for word, entry in value.items()]
    if not value:
        entries = [f"#{as_key(word)} = {as_value(entry)}  # for example" for word, entry in option.example.items()]
    return ["", *(f"# {line}" for line in textwrap.wrap(option.help, 96)), f"[{key}]", *entries]


def _line(option: Option, value: Any, origin: str) -> str:
    if value is None:
        return f"#{option.name} = {as_value(option.example)}  # for example; unset by default"
    example = f"; for example {as_value(option.example)}" if value == () else ""
    return f"{_set(option.name, value, origin)}{example}"


def _set(name: str, value: Any, origin: str) -> str:
    """The line of a key; a comment if its value holds bytes that TOML cannot express."""
    line, origin = f"{name} = {as_value(value)}", spelt_out(one_line(origin))
    if (shown := spelt_out(line)) != line:
        return f"# {shown}  # {origin}; it is not UTF-8, so a TOML file cannot hold it"
    return f"{line}  # {origin}"


def as_value(value: Any) -> str:
    """A value as TOML; a hook is a list, or { shell = "..." } if it asks for a shell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (list, tuple)):
        if len(value) == 3 and tuple(value[:2]) == SHELL and value[2].strip():  # a shell line may not be empty
            return f"{{ shell = {_string(value[2])} }}"
        return f"[{', '.join(map(as_value, value))}]"
    return repr(value)


def as_key(word: str) -> str:
    """A key as TOML."""
    return word if re.fullmatch(r"[A-Za-z0-9_-]+", word) else _string(word)


def in_ascii(text: str) -> str:
    """Escape the non-ASCII letters in the output of `as_toml`, for a locale other than UTF-8.

    All of them are in quotes or comments, where an escape is valid."""
    return re.sub(r"[^\0-\x7f]", lambda letter: f"\\U{ord(letter[0]):08x}", text)


def _string(text: str) -> str:
    # JSON's strings are valid TOML, except for DEL, which is escaped, and for lone surrogates: see `_set`.
    return json_text(text)

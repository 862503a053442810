"""Suggests what may have been meant by a section or a key that does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from kwsd.config.options import Option, nearest, options
from kwsd.config.sections import Config
from kwsd.config.values import check
from kwsd.errors import ConfigError


def unknown_section(name: str) -> str:
    """A remedy that names the nearest section, or all of them."""
    sections = [section.name for section in fields(Config)]
    return nearest(name, sections) or f"the sections are {_listed([f'[{section}]' for section in sections], 'and')}"


def unknown_key(section: str, name: str, value: Any) -> str:
    """A remedy that names the likely key or section; `section` is "" for a key outside any section."""
    own = [option.name for option in options().values() if option.section == section]
    others = [option for option in options().values() if option.section != section]
    hint = nearest(name, own) or _elsewhere(name, value, others)
    hint = hint or _by_word(section, name, value) or _elsewhere(_similar(name, others), value, others)
    return hint or (f"its keys are {_listed(own, 'and')}" if own else unknown_section(""))


def _elsewhere(name: str, value: Any, others: Sequence[Option]) -> str:
    """A hint at the sections that have such a key, only those that the value fits if it fits any; "" for none."""
    named = [option for option in others if option.name == name]
    fitting = [option for option in named if _fits(option, value)] or named
    if not fitting:
        return ""
    return f"did you mean {name!r} in {_listed([f'[{option.section}]' for option in fitting], 'or')}?"


def _by_word(section: str, name: str, value: Any) -> str:
    """A hint at the section's table by word, if it has one that the key and value fit as an entry; otherwise ""."""
    tables = [option for option in options().values() if option.section == section and option.is_table]
    fitting = [option.key for option in tables if _fits(option, {name: value})]
    return f"did you mean {name!r} in [{fitting[0]}]?" if fitting else ""


def _similar(name: str, others: Sequence[Option]) -> str:
    return next(iter(get_close_matches(name, [option.name for option in others], n=1)), "")


def _fits(option: Option, value: Any) -> bool:
    try:
        check(option, value, option.key)
    except ConfigError:
        return False
    return True


def _listed(names: Sequence[str], joint: str) -> str:
    return " ".join(filter(None, (", ".join(names[:-1]), joint if names[1:] else "", names[-1])))

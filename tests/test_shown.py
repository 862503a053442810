"""Texts from outside, and whether they are shown in colour."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from kwsd.shown import first_few, one_line, wants_colour


class Terminal(io.StringIO):
    """Somebody looks at it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("set_to", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_a_terminal_whose_user_has_not_refused_them(
    monkeypatch: pytest.MonkeyPatch, set_to: dict[str, str], coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(Terminal()) == coloured
    assert not wants_colour(io.StringIO())
    assert not wants_colour(None)


def test_no_text_reorders_the_line_that_it_stands_in() -> None:
    assert one_line("a\u202eb\u2066c\x1b[1m\n") == r"a\u202eb\u2066c\x1b[1m\n"
    assert one_line("a\u200cb\u200f") == "a\u200cb\u200f"  # a joiner and a mark belong to correct spelling


def test_of_many_things_the_first_few_are_named() -> None:
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few([Path("a"), 1, "c"], 2) == "a, 1, …"
    assert first_few([], 2) == ""

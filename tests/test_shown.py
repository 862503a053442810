"""Texts from outside, and whether they are shown in colour."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from kwsd.shown import first_few, json_text, one_line, wants_colour


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


@pytest.mark.parametrize("letter", ["\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_json_has_a_character_that_a_terminal_may_obey(letter: str, ascii_only: bool) -> None:
    text = json_text({letter: f"ä{letter}b"}, indent=2, ascii_only=ascii_only)
    assert json.loads(text) == {letter: f"ä{letter}b"}
    assert letter not in text
    assert len(text.splitlines()) == 3
    assert ("ä" in text) != ascii_only


def test_of_many_things_the_first_few_are_named() -> None:
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few([Path("a"), 1, "c"], 2) == "a, 1, …"
    assert first_few([], 2) == ""

"""Texts from outside, and whether they are shown in colour."""

from __future__ import annotations

import io

import pytest

from kwsd.shown import wants_colour


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

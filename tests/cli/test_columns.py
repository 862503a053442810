"""How a table that is wider than its terminal is fitted into it."""

from __future__ import annotations

import pytest

from kwsd.cli.columns import widths


def test_what_fits_stays_as_it_is() -> None:
    assert widths([("word", "yes"), ("false alarms", "12")], 16) == [4, 12]
    assert widths([("word",), ("n",)], 16) == [4, 1]


def test_headings_are_folded_before_cells() -> None:
    assert widths([("gate", "on"), ("alarms an hour", "123.45"), ("95 %", "1.2 to 3.4")], 22) == [4, 8, 10]


def test_texts_are_folded_before_names() -> None:
    assert widths([("clip", "a name of ours"), ("note", "said a little further away")], 28) == [14, 14]


def test_a_long_name_leaves_room_for_the_numbers_beside_it() -> None:
    path = "/" + 99 * "b"
    assert widths([("clip", 100 * "a"), ("second", "12.34"), ("score", "0.9998"), ("file", path)], 72) == [30, 6, 6, 30]


def test_a_name_of_half_the_room_is_whole() -> None:
    assert widths([("option", 35 * "a"), ("value", 60 * "b"), ("from", 60 * "c")], 70) == [35, 17, 18]


@pytest.mark.parametrize("room", [50, 70])
def test_nothing_is_wider_than_there_is_room(room: int) -> None:
    columns = [(f"heading {number}", 12 * "x", number * "y z ") for number in range(12)]
    found = widths(columns, room)
    assert sum(found) == room
    assert min(found) > 0

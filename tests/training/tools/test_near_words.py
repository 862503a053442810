"""Words that are said nearly like one of a recipe's, out of a dictionary."""

from __future__ import annotations

import pytest

from kwsd.errors import InputError
from kwsd.training.tools.near_words import choose, is_near, pronunciations

DICTIONARY = """\
no N OW
know N OW
now N AW
know-how N OW HH AW
nose N OW Z
on AA N
on(2) AO N
awn AO N
an AE N
o OW
owe OW
goat G OW T
table T EY B AH L
""".splitlines()

FREQUENT = ("table", "now", "an", "goat", "nose", "owe")


def chance(word: str) -> float:
    return -float(FREQUENT.index(word)) if word in FREQUENT else -99.0


def test_a_dictionary_has_several_pronunciations_and_only_plain_words() -> None:
    said = pronunciations(DICTIONARY)
    assert said["on"] == {("AA", "N"), ("AO", "N")}
    assert "o" not in said
    assert "know-how" not in said


@pytest.mark.parametrize(
    ("first", "second", "near"),
    [
        ("N OW", "N AW", True),
        ("N OW", "N OW Z", True),
        ("N OW", "OW", True),
        ("S N OW", "N OW", True),
        ("N OW", "N OW", False),
        ("N OW", "OW N", False),
        ("N OW", "G OW T", False),
        ("N OW", "", False),
    ],
)
def test_one_phone_more_less_or_other_is_near(first: str, second: str, near: bool) -> None:
    assert is_near(tuple(first.split()), tuple(second.split())) is near
    assert is_near(tuple(second.split()), tuple(first.split())) is near


def test_the_commonest_near_words_come_first_then_the_commonest_of_all() -> None:
    said = pronunciations(DICTIONARY)
    assert choose(said, {"no", "on"}, chance, near=2, common=1) == ["now", "an", "table"]
    assert choose(said, {"no", "on"}, chance, near=99, common=2) == ["now", "an", "nose", "owe", "table"]


def test_what_is_said_exactly_like_one_is_left_out() -> None:
    chosen = choose(pronunciations(DICTIONARY), {"no", "on"}, chance, near=99, common=99)
    assert not {"know", "awn", "no", "on"} & set(chosen)


def test_a_word_that_the_dictionary_lacks_is_told() -> None:
    with pytest.raises(InputError, match="'sheila' is not in"):
        choose(pronunciations(DICTIONARY), {"sheila"}, chance, near=1, common=1)

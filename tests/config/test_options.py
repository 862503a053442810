"""Every option is described once and completely."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from kwsd.config import Config, nearest, options
from kwsd.config.values import allowed, check

NUMBERS = (int, float, int | None, float | None)


def test_every_option_says_what_it_is_for() -> None:
    for key, option in options().items():
        assert option.key == key
        assert option.help.endswith("."), key
        assert option.type in (str, int, float, bool) or option.default in (None, (), {}), key


def test_defaults_are_allowed_by_their_own_ranges() -> None:
    for option in options().values():
        if option.default is not None:
            assert check(option, option.default, option.key) == option.default


def test_numbers_have_a_range() -> None:
    for option in options().values():
        if option.type in NUMBERS:
            assert option.low is not None, option.key
            assert option.high is not None, option.key
            assert option.low < option.high


def test_flags_are_not_given_twice() -> None:
    flags = [flag for option in options().values() for flag in option.flag.split("/") if flag]
    assert len(flags) == len(set(flags))
    assert all(flag.startswith("--") for flag in flags)


def test_a_unit_stands_in_the_name_of_every_duration() -> None:
    for option in options().values():
        if "econds" in option.help and option.type in NUMBERS:
            unit = "_ms" if "illiseconds" in option.help else "_s"
            assert option.name.endswith(unit), option.key


def test_configuration_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().gate.enabled = False  # type: ignore[misc]


def test_tables_by_word_are_not_shared_between_configurations() -> None:
    assert Config().hooks.words is not Config().hooks.words
    assert options()["hooks.words"].is_table


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("model.hop_ms", "a whole number from 10 to 1000, in steps of 10"),
        ("audio.buffer_s", "a number from 2 to 600"),
        ("output.format", "auto, text or json"),
        ("gate.enabled", "true or false"),
        ("model.name", "text"),
    ],
)
def test_allowed_values_in_words(key: str, text: str) -> None:
    assert allowed(options()[key]) == text


def test_nearest_names_what_comes_near_and_is_silent_otherwise() -> None:
    assert nearest("treshold", ["threshold", "words"]) == "did you mean 'threshold'?"
    assert nearest("THRESHOLD", ["threshold", "words"]) == "did you mean 'threshold'?"
    assert nearest("zzz", ["threshold", "words"]) == ""


def test_the_readme_names_the_keys_that_have_no_flag() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"each key has one, except\s+([^.]+)\.", readme)
    assert set(re.findall(r"`(\w+)`", told)) == {option.name for option in options().values() if not option.flag}

"""What an error says: what happened, and apart from it the remedy; both on one line for who reads only that."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from kwsd.errors import ConfigError, DeviceError, KwsdError, ModelError, UsageError, first_line


@pytest.mark.parametrize(
    ("error", "text", "what", "remedy"),
    [
        (DeviceError("no socket", "begin anew"), "no socket: begin anew", "no socket", "begin anew"),
        (ConfigError("x is 3;", "it knows 4"), "x is 3; it knows 4", "x is 3", "it knows 4"),
        (ModelError("a: choose b", "d; take e"), "a: choose b: d; take e", "a: choose b", "d; take e"),
        (UsageError("not like this: make tea"), "not like this: make tea", "not like this: make tea", ""),
        (UsageError("cut off;"), "cut off;", "cut off;", ""),
    ],
)
def test_the_text_is_both(error: KwsdError, text: str, what: str, remedy: str) -> None:
    assert str(error) == f"{error}" == text
    assert (error.what, error.remedy) == (what, remedy)


@pytest.mark.parametrize(
    ("why", "line"),
    [
        ("a\nb", "a"),
        ("a:\n  b\nc", "a: b"),
        ("", "ValueError"),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 300 + " …"),
    ],
)
def test_the_first_line_of_what_another_library_says(why: str, line: str) -> None:
    assert first_line(ValueError(why)) == line


def pickled(error: KwsdError) -> KwsdError:
    return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]  # noqa: S301 - our own


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("error", [DeviceError("busy;", "wait"), DeviceError("busy", "wait"), DeviceError("busy")])
def test_a_copy_says_the_same(error: KwsdError, copied: Callable[[KwsdError], KwsdError]) -> None:
    twin = copied(error)
    assert type(twin) is DeviceError
    assert (str(twin), twin.what, twin.remedy) == (str(error), error.what, error.remedy)


@pytest.mark.parametrize("error", [ConfigError("x is 3;", "it must be 4"), ConfigError("x", "y"), ConfigError("x")])
def test_an_error_can_become_one_of_another_kind(error: KwsdError) -> None:
    other = UsageError(*error.args)
    assert (str(other), other.what, other.remedy) == (str(error), error.what, error.remedy)
    assert other.exit_status == 2

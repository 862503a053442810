"""Where files lie."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kwsd.config.addresses import Address, is_place, parse_address
from kwsd.config.places import config_path, expanded, open_to_all, socket_path
from kwsd.errors import ConfigError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")


def test_without_xdg_everything_lies_in_the_home_directory() -> None:
    assert config_path() == Path("/home/ann/.config/kwsd/config.toml")
    assert socket_path() == Path("/home/ann/.local/state/kwsd/events.sock")


def test_xdg_variables_move_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    assert config_path() == Path("/c/kwsd/config.toml")
    assert socket_path() == Path("/s/kwsd/events.sock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/r")
    assert socket_path() == Path("/r/kwsd/events.sock")


def test_a_relative_xdg_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    assert socket_path() == Path("/home/ann/.local/state/kwsd/events.sock")
    assert config_path() == Path("/home/ann/.config/kwsd/config.toml")


def test_a_home_directory_that_nobody_has_is_a_mistake() -> None:
    assert expanded("~/s") == Path("/home/ann/s")
    with pytest.raises(ConfigError, match="write the whole path"):
        expanded("~no-such-user/s")


@pytest.mark.parametrize(
    ("folder", "file", "found"),
    [
        (0o755, 0o644, None),
        (0o775, 0o664, None),  # a group of the user's own is common
        (0o700, 0o666, "config.toml"),
        (0o777, 0o644, "."),
        (0o1777, 0o644, None),  # as /tmp
    ],
)
def test_what_any_user_could_change(tmp_path: Path, folder: int, file: int, found: str | None) -> None:
    place = tmp_path / "kwsd" / "config.toml"
    place.parent.mkdir()
    place.touch()
    place.chmod(file)
    place.parent.chmod(folder)
    assert open_to_all(place) == (None if found is None else place.parent / found)


def test_a_device_and_what_is_not_there_are_not_open_to_all(tmp_path: Path) -> None:
    assert open_to_all(Path("/dev/null")) is None
    assert open_to_all(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("where", "address"),
    [
        ("9464", (socket.AF_INET, ("127.0.0.1", 9464))),
        ("localhost:0", (socket.AF_INET, ("127.0.0.1", 0))),
        ("[::1]:65535", (socket.AF_INET6, ("::1", 65535))),
    ],
)
def test_an_address(where: str, address: Address) -> None:
    assert parse_address(where) == address
    assert is_place(where)


def test_what_is_no_address_may_be_a_path() -> None:
    assert [is_place(where) for where in ("", "./metrics", "65536", "-1", "here")] == [True, True, False, False, False]
    assert not is_place("http://127.0.0.1:9464/metrics")

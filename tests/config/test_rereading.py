"""The configuration once more, for a daemon that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kwsd.config import LoadedConfig, load_config, rereading
from kwsd.errors import ConfigError

HOOKS = "[hooks.words]\nyes = 'true'\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "kwsd.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_that_was_read_before_must_still_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write(tmp_path, HOOKS)
    monkeypatch.setattr("kwsd.config.load.config_path", lambda: path)
    again = rereading(load_config().path, load_config)
    assert again().hooks.words
    path.unlink()
    for _ in range(2):
        with pytest.raises(ConfigError, match="no longer exists; put it back"):
            again()
    write(tmp_path, "")
    assert again().hooks.words == {}


def test_a_file_that_comes_later_must_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kwsd.config.load.config_path", lambda: tmp_path / "kwsd.toml")
    again = rereading(load_config().path, load_config)
    again()
    path = write(tmp_path, HOOKS)
    assert again().hooks.words
    path.unlink()
    with pytest.raises(ConfigError, match="no longer exists"):
        again()


def test_a_pipe_is_not_read_a_second_time(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[LoadedConfig] = []
    with pytest.raises(ConfigError, match="is a pipe, which has been read to its end"):
        rereading(pipe, read.pop)()


def test_a_file_that_has_become_a_folder_is_called_one(tmp_path: Path) -> None:
    path = write(tmp_path, HOOKS)
    again = rereading(path, lambda: load_config(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        again()


def test_a_file_that_has_become_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path, HOOKS)
    again = rereading(path, lambda: load_config(path))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="is a pipe, which may block its reader; restart kwsd"):
        again()


def test_nor_is_a_pipe_where_there_was_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    again = rereading(load_config().path, load_config)
    (tmp_path / "kwsd").mkdir()
    os.mkfifo(tmp_path / "kwsd" / "config.toml")
    with pytest.raises(ConfigError, match="is a pipe, which may block"):
        again()

"""Files and flags that are wrong: a line that names what, and what is right."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from kwsd.config import load_config
from kwsd.errors import ConfigError, UsageError


def test_a_socket_path_and_no_socket_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="--no-socket and --socket contradict"):
        load_config(Path(os.devnull), {"socket.path": "/x", "socket.enabled": False})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[trigger]\ntreshold = 1\n", ["'treshold'", "[trigger]", "'threshold'"]),
        ("[trigger]\nonset_ms = 30\n", ["'onset_ms'", "[gate]"]),
        ("[triger]\nsmoothing = 1\n", ["[triger]", "'trigger'"]),
        ("[daemon]\nx = 1\n", ["unknown section [daemon]; the sections are [audio], [model], ", " and [output]"]),
        ("words = ['stop']\n", ["outside of any section; did you mean 'words' in [trigger]?"]),
        ("enabled = true\n", ["did you mean 'enabled' in [gate] or [socket]?"]),
        ("device = 'usb'\n", ["did you mean 'device' in [audio]?"]),
        ("xyzzy = 1\n", ["outside of any section; the sections are [audio], "]),
        ("[hooks]\nstop = 'echo'\n", ["'stop' in [hooks]; did you mean 'stop' in [hooks.words]?"]),
        ("[trigger]\nstop = 0.9\n", ["did you mean 'stop' in [trigger.thresholds]?"]),
        ("[gate]\nxyzzy = 1\n", ["its keys are enabled, aggressiveness, onset_ms, hangover_ms and coarse_ms"]),
        ("smoothing = 1\n", ["'smoothing'", "outside of any section", "[trigger]"]),
        ("gate = 1\n", ["gate is 1", "section, [gate]"]),
        ("[gate]\nxyzzy = 1\n", ["'xyzzy' in [gate]"]),
        ("[gate]\naggressiveness = 7\n", ["gate.aggressiveness is 7", "from 0 to 3"]),
        ("[gate]\naggressiveness = 1.0\n", ["gate.aggressiveness is 1.0", "whole number"]),
        ("[gate]\naggressiveness = true\n", ["gate.aggressiveness is true", "whole number"]),
        ("[gate]\nonset_ms = 35\n", ["gate.onset_ms is 35", "steps of 10"]),
        ("[gate]\nenabled = 1\n", ["gate.enabled is 1", "true or false"]),
        ("[trigger]\nthreshold = nan\n", ["trigger.threshold is nan", "from 0.001 to 1"]),
        ("[trigger]\nwords = 'yes'\n", ["trigger.words is 'yes'", 'list of words, ["yes", "no"]']),
        ("[trigger]\nwords = ['']\n", ["trigger.words", "list of words"]),
        ("[model]\nname = ''\n", ["model.name is empty; the default is hubert-commands"]),
        ("[trigger.thresholds]\nyes = 0\n", ["trigger.thresholds.yes is 0", "from 0.001 to 1"]),
        ("[trigger.thresholds]\nyes = 2\n", ["trigger.thresholds.yes is 2", "from 0.001 to 1"]),
        ("[trigger]\nthresholds = 2\n", ["trigger.thresholds is 2", "table"]),
        ("[audio]\nbuffer_s = inf\n", ["audio.buffer_s is inf", "from 2 to 600"]),
        ("[audio]\ndevice = 3\n", ["audio.device is 3", "text"]),
        ("[output]\nformat = 'xml'\n", ["output.format is 'xml'", "auto, text or json"]),
        ("[hooks.words]\nstop = ''\n", ["hooks.words.stop is empty"]),
        ("[hooks]\nenvironment = ['A', 'B=1']\n", ["hooks.environment has 'B=1'; it must have names alone"]),
        ("[gate]\n\nonset_ms = \n", ["line 3"]),
        ("[gate]\nonset_ms = 30\nonset_ms = 40\n", ["line 3"]),
        ("[gate]\nname = '''\n", ["line 3"]),
        ("[gate]\nname = " + "[" * 50_000, []),
        ("[gate]\nonset_ms = " + "9" * 5_000, ["exceeds the limit"]),
        ('[audio]\ndevice = "a\\u0000b"\n', ["audio.device", "NUL"]),
        ("[audio]\ndevice = 3\n", ['audio.device is 3; it must be text, in quotes: "3"']),
        ("[audio]\ndevice = false\n", ["audio.device is false; it must be text"]),
        ('[metrics]\nlisten = "example.org:9464"\n', ["metrics.listen is 'example.org:9464'; it must be a port"]),
        ('[trigger.thresholds]\n"a\\nb" = 2\n', [r"trigger.thresholds.'a\nb' is 2"]),
    ],
)
def test_an_error_names_file_key_value_and_what_is_right(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = tmp_path / "kwsd.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"trigger.threshold": 1.5}, "--threshold is 1.5; it must be a number from 0.001 to 1"),
        ({"model.hop_ms": "fast"}, "--hop is 'fast'; it must be a whole number from 10 to 1000, in steps of 10"),
        ({"gate.enabled": "maybe"}, "--gate is 'maybe'; it must be true or false"),
        ({"metrics.listen": "port"}, "--metrics is 'port'; it must be a port, 127.0.0.1:PORT or a path with a slash"),
        ({"metrics.listen": "99999"}, "--metrics is '99999'; it must be a port, 127.0.0.1:PORT or a path with a slash"),
        ({"model.device": "tpu"}, "--device is 'tpu'; it must be auto, cuda or cpu"),
    ],
)
def test_a_wrong_flag_is_named_as_it_was_typed(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(None, overrides)
    assert str(caught.value) == message
    assert caught.value.remedy == message.partition("; ")[2]


def test_an_override_that_does_not_exist_is_a_mistake_in_the_program() -> None:
    with pytest.raises(KeyError, match=r"gate\.onset"):
        load_config(None, {"gate.onset": 1})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[audio]\ndevice = 'caf\xe9'\n")
    with pytest.raises(ConfigError, match="line 2: not in UTF-8"):
        load_config(latin)


def test_a_place_that_cannot_be_seen_is_not_taken_for_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that is closed to us is as bad, but root, who runs many tests, may see into every one."""
    ring = tmp_path / "ring"
    ring.symlink_to(ring)
    monkeypatch.setattr("kwsd.config.load.config_path", lambda: ring / "kwsd.toml")
    with pytest.raises(ConfigError, match="cannot be read: Too many levels"):
        load_config()
    monkeypatch.setattr("kwsd.config.load.config_path", lambda: tmp_path / "none" / "kwsd.toml")
    assert load_config().path is None


VAST = "0x" + "f" * 5000
"""Digits that TOML allows, and that Python does not write as a decimal number."""


@pytest.mark.parametrize(
    "text",
    [
        f"audio = {VAST}",
        f"[audio]\nbuffer_s = {VAST}",
        f"[audio]\ndevice = {VAST}",
        f"[model]\nhop_ms = {VAST}",
        f"[trigger]\nwords = [{VAST}]",
        f"[trigger.thresholds]\nstop = {VAST}",
        f"[hooks.words]\nstop = {VAST}",
        f"[hooks.words]\nstop{'.a' * 3000} = 1",
        f"[hooks.words]\n{'w' * 100_000} = 1",
        f"[hooks.words]\nstop = '\"{'l' * 100_000}'",
        f"[model]\ndevice = '{'d' * 100_000}'",
        f"[model]\n{'k' * 100_000} = 1",
        f"[{'s' * 100_000}]",
        f"{'k' * 100_000} = 1",
    ],
)
def test_an_error_stays_a_line_whatever_the_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kwsd.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert len(str(refused.value)) < 2000


def test_a_link_to_nowhere_is_not_taken_for_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A disk that is not mounted has somebody's hooks on it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "kwsd").mkdir()
    (tmp_path / "kwsd" / "config.toml").symlink_to("/media/usb/kwsd.toml")
    with pytest.raises(
        ConfigError, match=r"config\.toml is a link to /media/usb/kwsd\.toml, which does not exist; correct"
    ):
        load_config()


def test_an_empty_name_cannot_be_told_from_the_current_folder() -> None:
    said = "--config has an empty name, or that of the current folder; name a file, or leave out --config"
    with pytest.raises(ConfigError, match=said):
        load_config(Path())


def test_a_folder_is_refused_with_a_remedy(tmp_path: Path) -> None:
    said = "cannot be read: Is a directory; put a file there, or name another with --config"
    with pytest.raises(ConfigError, match=said):
        load_config(tmp_path)


def test_a_file_of_somebody_else_is_refused_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kwsd.toml"
    path.touch()

    def forbidden(_: Path) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("kwsd.config.load.read_text", forbidden)
    said = "cannot be read: Permission denied; check the name and its permissions, or name another with --config"
    with pytest.raises(ConfigError, match=said):
        load_config(path)

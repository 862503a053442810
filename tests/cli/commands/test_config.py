"""`kwsd config` tells the truth, and writes a file that means the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.cli.toml import as_toml
from kwsd.config import load_config, options
from kwsd.config.values import check

Command = Callable[..., Any]

FULL = r"""
[audio]
device = "USB \"Audio\" Gerät"
buffer_s = 4.5
[gate]
enabled = false
[trigger]
words = ["yes", "no"]
thresholds = { yes = 0.5, "zwölf!" = 0.25 }
[hooks]
max_running = 2
[hooks.words]
yes = "notify-send 'I heard' yes"
no = [["a", "b c"], { shell = "x | \"y\"" }, ["/bin/sh", "-c", " "]]
"*" = { shell = "printf '\\t' >>log" }
[socket]
enabled = true
"""


def test_toml_of_any_locale_is_read_back_as_the_same(tmp_path: Path) -> None:
    file, copy = tmp_path / "Gerät.toml", tmp_path / "out.toml"
    file.write_text(FULL, encoding="utf-8")
    command = [sys.executable, "-m", "kwsd", "config", "--format", "toml", "--config", str(file)]
    with copy.open("wb") as out:
        subprocess.run(command, stdout=out, check=True, env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    assert load_config(copy).config == load_config(file).config


def test_toml_is_read_back_as_the_same(tmp_path: Path) -> None:
    file = tmp_path / "in.toml"
    file.write_text(FULL, encoding="utf-8")
    loaded = load_config(file)
    copy = tmp_path / "out.toml"
    copy.write_text(as_toml(loaded), encoding="utf-8")
    assert load_config(copy).config == loaded.config


@pytest.mark.parametrize("text", ["\x7f", "\x1b[1m", "a\nb", "\u2028", "😀", "\\"])
def test_any_text_survives(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    loaded = load_config(None, {"audio.device": text})
    file.write_text(as_toml(loaded), encoding="utf-8")
    assert load_config(file).config.audio.device == text


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (("--socket", "/tmp/a\udcff.sock"), r'path = "/tmp/a\xff.sock"  # flag --socket'),
        (("--words", "yes,\udce9"), r'words = ["yes", "\xe9"]  # flag --words'),
        (("--hook", "stop=a \udcff"), r'stop = [["a", "\xff"]]  # flag --hook'),
    ],
)
def test_a_name_that_is_not_utf_8_is_shown_and_left_out(
    kwsd: Command, user: Path, flags: tuple[str, ...], shown: str
) -> None:
    value = shown.partition(" = ")[2].partition("  #")[0]
    assert value in kwsd("config", *flags).out
    text = kwsd("config", "--format", "toml", *flags).out
    assert f"# {shown}; it is not UTF-8, so a TOML file cannot hold it" in text.splitlines()
    user.mkdir()
    (user / "config.toml").write_text(text, encoding="utf-8")
    config = load_config(None).config
    assert (config.socket.path, config.trigger.words, config.hooks.words) == ("", (), {})


def test_a_file_of_any_name_is_an_origin(tmp_path: Path) -> None:
    file, copy = tmp_path / "we\nird \x1b.toml", tmp_path / "out.toml"
    file.write_text(FULL, encoding="utf-8")
    copy.write_text(as_toml(load_config(file)), encoding="utf-8")
    assert load_config(copy).config == load_config(file).config
    assert r"we\nird \x1b.toml" in copy.read_text(encoding="utf-8")


def test_defaults_are_read_back_as_the_defaults(kwsd: Command, user: Path) -> None:
    before = load_config(None).config
    ran = kwsd("config", "--format", "toml")
    user.mkdir()
    (user / "config.toml").write_text(ran.out, encoding="utf-8")
    assert load_config(None).config == before


def test_every_key_that_is_left_out_can_be_put_in(kwsd: Command, user: Path) -> None:
    text = kwsd("config", "--format", "toml").out
    user.mkdir()
    (user / "config.toml").write_text(re.sub(r"(?m)^#(?=\S)", "", text), encoding="utf-8")
    config = load_config(None).config
    for key, option in options().items():
        value = getattr(getattr(config, option.section), option.name)
        assert value not in (None, {}), key
    assert config.hooks.words == {"stop": (("playerctl", "pause"),)}


def test_an_empty_list_shows_its_form(kwsd: Command) -> None:
    lines = kwsd("config", "--format", "toml").out.splitlines()
    assert 'words = []  # default; for example ["yes", "no"]' in lines
    for option in options().values():
        if option.type == tuple[str, ...]:
            assert check(option, list(option.example), option.key) == option.example


def test_origins_are_told(kwsd: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text("[model]\nhop_ms = 50\n[trigger.thresholds]\nyes = 0.5\n", encoding="utf-8")
    lines = [line.split() for line in kwsd("config", "--onset", 50).out.splitlines()]
    assert ["model.hop_ms", "50", str(user / "config.toml")] in lines
    assert ["gate.onset_ms", "50", "flag", "--onset"] in lines
    assert ["trigger.thresholds.yes", "0.5", str(user / "config.toml")] in lines
    assert ["gate.hangover_ms", "700", "default"] in lines


def test_the_path_alone(kwsd: Command, user: Path, tmp_path: Path) -> None:
    assert kwsd("config", "--path").out == f"{user / 'config.toml'}\n"
    assert kwsd("config", "--path", "--config", tmp_path / "x").out == f"{tmp_path / 'x'}\n"


def test_the_path_is_said_without_flags_that_would_change_nothing(kwsd: Command) -> None:
    ran = kwsd("config", "--path", "--format", "toml", "--words", "yes", "--hook", "stop=true", "--no-gate")
    assert (ran.status, ran.out) == (2, "")
    assert "--path only says where the file is; leave out --format, --no-gate, --words, --hook" in ran.err


def test_a_broken_file_is_named_with_its_line(kwsd: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text("[gate]\nonset_ms = \n", encoding="utf-8")
    ran = kwsd("config")
    assert ran.status == 78
    assert f"{user / 'config.toml'}, line 2: invalid value; put quotes around text" in ran.err
    assert ran.err.count("\n") == 1


def test_a_file_that_is_asked_for_has_to_be_there(kwsd: Command, tmp_path: Path) -> None:
    ran = kwsd("config", "--config", tmp_path / "none.toml")
    assert (ran.status, ran.out) == (78, "")

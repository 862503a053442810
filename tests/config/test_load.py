"""The file, the flags, and where each value comes from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kwsd.config import Config, load_config, options, parse_hook_flags
from kwsd.errors import ConfigError, UsageError

EVERYTHING = """
[audio]
device = "USB"
buffer_s = 5
silence_s = 60
realtime = true
[keep]
folder = '/tmp/kept'
quota_mb = 5
preroll_s = 0.5

[metrics]
listen = '9464'
public = true
token_file = '~/token'

[model]
name = "other"
device = "cpu"
hop_ms = 70
window_s = 2.5
verify = false
labels = ["a dog barking", "glass breaking"]
[gate]
enabled = false
aggressiveness = 3
onset_ms = 60
hangover_ms = 500
coarse_ms = 200
[trigger]
words = ["yes", "no", "yes"]
threshold = 0.8
smoothing = 3
second_chance = false
refractory_ms = 0
[trigger.thresholds]
yes = 0.9
[hooks]
timeout_s = 2.5
max_running = 1
queue = 2
environment = ["MQTT_PASSWORD"]
[hooks.words]
stop = "playerctl pause"
"*" = { shell = "date" }
[socket]
enabled = true
path = "/tmp/x.sock"
[output]
format = "json"
events = "all"
log_level = "debug"
log_format = "json"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "kwsd.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_file_and_flags_the_defaults_hold() -> None:
    loaded = load_config(None, {})
    assert loaded.config == Config()
    assert loaded.path is None
    assert set(loaded.origins) == set(options())
    assert set(loaded.origins.values()) == {"default"}


def test_the_default_file_is_read_where_it_is(home: Path) -> None:
    path = home / "home" / "kwsd" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[gate]\nonset_ms = 50\n")
    loaded = load_config()
    assert loaded.config.gate.onset_ms == 50
    assert loaded.path == path
    assert loaded.origins["gate.onset_ms"] == str(path)
    assert loaded.origins["gate.hangover_ms"] == "default"


def test_every_key_can_stand_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, EVERYTHING)
    loaded = load_config(path)
    defaults = Config()
    for key in options():
        section, name = key.split(".")
        value = getattr(getattr(loaded.config, section), name)
        assert value != getattr(getattr(defaults, section), name), key
        assert loaded.origins[key] == str(path)
    assert loaded.config.trigger.words == ("yes", "no")
    assert loaded.config.audio.buffer_s == 5.0
    assert loaded.config.hooks.words == {"stop": (("playerctl", "pause"),), "*": (("/bin/sh", "-c", "date"),)}
    assert loaded.origins["hooks.words.stop"] == str(path)


def test_flags_go_before_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, EVERYTHING)
    loaded = load_config(
        path, {"model.hop_ms": 200, "gate.enabled": True, "trigger.words": "go,stop", "model.name": None}
    )
    assert loaded.config.model.hop_ms == 200
    assert loaded.config.gate.enabled is True
    assert loaded.config.trigger.words == ("go", "stop")
    assert loaded.config.model.name == "other"
    assert loaded.origins["model.hop_ms"] == "flag --hop"
    assert loaded.origins["gate.enabled"] == "flag --gate"
    assert loaded.origins["model.name"] == str(path)


def test_flags_may_come_as_text() -> None:
    config = load_config(None, {"model.hop_ms": "50", "trigger.threshold": "0.5", "gate.enabled": "false"}).config
    assert (config.model.hop_ms, config.trigger.threshold, config.gate.enabled) == (50, 0.5, False)


def test_a_label_with_a_comma_stands_in_quotes_among_words() -> None:
    words = load_config(Path(os.devnull), {"trigger.words": 'yes, "Bark, howl",no'}).config.trigger.words
    assert words == ("yes", "Bark, howl", "no")


def test_an_umlaut_of_two_characters_is_one_as_in_a_models_labels(tmp_path: Path) -> None:
    """The shell completes the name of a folder from a Mac as it is."""
    file = tmp_path / "c.toml"
    file.write_text('[trigger.thresholds]\n"gru\u0308n" = 0.5\n[hooks.words]\n"gru\u0308n" = "true"\n')
    flags = {"trigger.words": "gru\u0308n", "hooks.words": parse_hook_flags(["blau\u0308=true"])}
    config = load_config(file, flags).config
    assert config.trigger.words == ("gr\u00fcn",)
    assert dict(config.trigger.thresholds) == {"gr\u00fcn": 0.5}
    assert set(config.hooks.words) == {"gr\u00fcn", "bla\u00fc"}


def test_a_word_that_is_encoded_in_two_ways_loses_no_hook(tmp_path: Path) -> None:
    flags = parse_hook_flags(["gru\u0308n=true", "gr\u00fcn=false"])
    found = load_config(Path(os.devnull), {"hooks.words": flags}).config.hooks.words
    assert found == {"gr\u00fcn": (("true",), ("false",))}
    file = tmp_path / "c.toml"
    for section, one, other in (("hooks.words", '"true"', '"false"'), ("trigger.thresholds", "0.5", "0.9")):
        file.write_text(f'[{section}]\n"gru\u0308n" = {one}\n"gr\u00fcn" = {other}\n')
        with pytest.raises(ConfigError, match=rf"{section} has 'gr\u00fcn' twice, encoded in two ways; leave out one"):
            load_config(file)


def test_hooks_of_a_flag_replace_those_of_the_file_for_that_word_alone(tmp_path: Path) -> None:
    path = write(tmp_path, EVERYTHING)
    loaded = load_config(path, {"hooks.words": parse_hook_flags(["stop=ls"])})
    assert loaded.config.hooks.words == {"stop": (("ls",),), "*": (("/bin/sh", "-c", "date"),)}
    assert loaded.origins["hooks.words.stop"] == "flag --hook"
    assert loaded.origins["hooks.words.*"] == str(path)


def test_a_threshold_flag_goes_before_the_files_thresholds(tmp_path: Path) -> None:
    loaded = load_config(write(tmp_path, EVERYTHING), {"trigger.threshold": 0.3})
    assert loaded.config.trigger.thresholds == {}
    assert loaded.origins["trigger.thresholds"] == "flag --threshold"
    assert "trigger.thresholds.yes" not in loaded.origins


def test_a_socket_path_flag_turns_the_socket_on(tmp_path: Path) -> None:
    path = write(tmp_path, "[socket]\nenabled = false\n")
    on = load_config(path, {"socket.path": "/x"})
    assert on.config.socket.enabled is True
    assert on.origins["socket.enabled"] == "flag --socket"
    off = load_config(path, {"socket.enabled": False})
    assert off.config.socket.enabled is False
    assert off.origins["socket.enabled"] == "flag --no-socket"


def test_a_whole_number_that_may_be_unset_stays_whole() -> None:
    assert load_config(Path(os.devnull), {}).config.trigger.smoothing is None
    chosen = load_config(Path(os.devnull), {"trigger.smoothing": "3"}).config.trigger.smoothing
    assert (chosen, type(chosen)) == (3, int)
    with pytest.raises(UsageError, match="a whole number from 1 to 50"):
        load_config(Path(os.devnull), {"trigger.smoothing": "2.5"})

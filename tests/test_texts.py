"""Small texts are read whole, whatever they are read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwsd import texts
from kwsd.config import load_config
from kwsd.errors import ConfigError


def test_a_mark_at_the_beginning_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert texts.read_text(tmp_path / "a") == "x = 1\n"


@pytest.mark.parametrize(
    ("text", "line", "what", "remedy"),
    [
        ("[audio]\ndevice = usb\n", 2, "invalid value", "put quotes around text"),
        ("[audio]\n[hooks.words]\n[hooks.words]\n", 3, "a second [hooks.words]", "keep only one"),
        ("[audio]\n[audio]\n", 2, "a second [audio]", "keep only one"),
        ("[audio]\nrate = 1\nrate = 2\n", 3, "cannot overwrite a value", "keep only one"),
        ("[hooks.words]\nturn on = 'x'\n", 2, "expected '='", "quotes around text and around a key of several words"),
        ("[audio]\nbuffer_s = 0,5\n", 2, "expected newline", "one `key = value`"),
        ('[audio]\ndevice = "usb\n', 2, "illegal character", "close each open quote"),
        ("[audio]\ndevice = 'usb", 2, 'expected "\'"', "close each open quote"),
        ('[audio]\ndevice = "a\\q"', 2, "unescaped", "in single quotes"),
        ('[audio]\ndevice = "\x01"', 2, "illegal character", "remove it"),
        ("= 3\n", 1, "invalid statement", "write `key = value`"),
    ],
)
def test_a_mistake_in_toml_is_told_with_its_line_and_what_to_do(text: str, line: int, what: str, remedy: str) -> None:
    with pytest.raises(texts.TOMLDecodeError) as raised:
        texts.parse_toml(text)
    found = texts.toml_mistake(raised.value, text)
    assert found[0] == line
    assert found[1].startswith(what)
    assert remedy in found[2]


def test_what_has_no_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST", 1000)
    with pytest.raises(OSError, match="too large"):
        texts.read_text(Path("/dev/zero"))
    with pytest.raises(ConfigError, match="too large"):
        load_config(Path("/dev/zero"), {})

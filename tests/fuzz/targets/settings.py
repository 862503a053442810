"""Configurations, and the lines of hooks on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from kwsd.config import load_config, options, parse_hook_flags
from targets.chance import any_value, spoilt
from targets.checking import Check, refusal


@contextmanager
def configurations(folder: Path) -> Iterator[Check]:
    """A configuration's bytes."""
    path = folder / "config.toml"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        text = refusal(lambda: load_config(path))
        assert not text or str(path) in text

    yield check


WRITTEN = b"""
[audio]
device = "usb"
buffer_s = 4.5
[gate]
enabled = false # a comment
[trigger]
words = ["yes", 'no']
thresholds = { yes = 0.5, "zw\xc3\xb6lf!" = 0.25 }
[hooks.words]
yes = \"\"\"notify-send 'I heard' yes\"\"\"
no = [["a", "b c"], { shell = "x | \\"y\\"" }]
"""
KEYS = sorted(options())


def make_configuration(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.01:
        return b"a = " + random.choice((b"[", b"{a=", b"9", b"'", b"a.")) * random.choice((100, 5_000, 50_000))
    if kind < 0.5:
        return spoilt(WRITTEN, random, len(WRITTEN))
    section, _, name = random.choice(KEYS).partition(".")
    return f"[{section}]\n{name} = {as_toml(any_value(random))}\n".encode("utf-8", "surrogatepass")


def as_toml(value: object) -> str:
    """A value as TOML would have it; not always TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


@contextmanager
def hook_lines(_: Path) -> Iterator[Check]:
    """`--hook WORD=COMMAND`."""

    def check(line: str) -> None:
        text = refusal(lambda: parse_hook_flags([line], [line]))
        assert not text or text.startswith("--hook")

    yield check


def make_hook_line(random: Random) -> str:
    return spoilt(b"""yes=notify-send "I heard" 'it' \\x $(id) ; a""", random, 50).decode("utf-8", "surrogateescape")

"""Help is instant, whole, and made from the configuration's own words."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from kwsd.config import options

Command = Callable[..., Any]

HEAVY = (
    "torch", "transformers", "numpy", "sounddevice", "soundfile", "soxr", "matplotlib", "rich", "safetensors",
    "huggingface_hub", "kwsd.events",
)  # fmt: skip
COMMANDS = (
    "listen", "classify", "events", "status", "devices", "doctor", "config", "models", "models list", "models info",
    "models pull", "models remove", "version", "train", "export", "bench", "eval", "eval clips",
    "eval stream", "eval negatives",
)  # fmt: skip
EVALUATIONS = ["eval_clips", "eval_negatives", "eval_stream"]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from kwsd.cli import main; main(['--help']); main(['listen', '--help']);"
        "main(['classify', '--help']); main(['models', 'pull', '--help']);"
        f"print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded []\n")


@pytest.mark.parametrize(
    ("line", "imported"),
    [("--debug listen --help", ["listen"]), ("models --help", ["models"]), ("eval clips --help", EVALUATIONS)],
)
def test_a_command_waits_for_no_other_to_be_imported(line: str, imported: list[str]) -> None:
    code = f"import sys; from kwsd.cli import main; main({line.split()}); print('\\nloaded', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    place = "kwsd.cli.commands."
    assert [name.removeprefix(place) for name in loaded if name.startswith(place)] == imported


def test_help_that_is_asked_for_before_a_command_is_about_the_program(kwsd: Command) -> None:
    assert kwsd("--help", "listen").out == kwsd("--debug", "-h", "models").out == kwsd("--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_manual(kwsd: Command, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # as wide as a terminal is that nobody has made wider
    ran = kwsd(*command.split(), "--help")
    assert ran.status == 0
    assert f"kwsd {command}" in ran.out
    assert ran.err == ""
    assert [line for line in ran.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("classify", " FILE..."), ("listen", " [SOURCE]"), ("eval stream", " [AUDIO] [TSV]"), ("models pull", " ID...")],
)
def test_the_usage_names_arguments_as_they_are_listed(kwsd: Command, command: str, arguments: str) -> None:
    assert kwsd(*command.split(), "--help").out.startswith(f"Usage: kwsd {command} [OPTIONS]{arguments}\n")


def test_all_commands_are_listed_with_what_they_do(kwsd: Command) -> None:
    out = kwsd("--help").out
    for command in COMMANDS:
        assert f"\n  {command.split()[0]} " in out
    assert "Exit status" in out


def test_no_arguments_are_answered_with_help(kwsd: Command) -> None:
    ran = kwsd()
    assert ran.status == 2
    assert "Usage: kwsd" in ran.out + ran.err


def test_examples_keep_their_lines(kwsd: Command) -> None:
    out = kwsd("listen", "--help").out
    assert "\n    arecord -f S16_LE -r 16000 -t raw | kwsd listen -\n" in out


def test_listen_has_every_flag_of_the_configuration(kwsd: Command) -> None:
    out = kwsd("listen", "--help").out
    for option in options().values():
        for flag in option.flag.split("/"):
            assert f"  {flag}" in out or f"/ {flag}" in out, option.key


def test_flags_are_told_with_default_and_range(kwsd: Command) -> None:
    out = " ".join(kwsd("listen", "--help").out.split())
    assert "--hop MS Milliseconds from one scored window to the next while something sounds like a word. [" in out
    assert "[default: 50; 10 to 1000, in steps of 10]" in out
    assert "--gate / --no-gate Score windows only while somebody speaks. [default: yes]" in out
    assert "--device auto|cuda|cpu" in out


@pytest.mark.parametrize(("env", "bold"), [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False)])
def test_headings_are_bold_where_the_terminal_knows_that(env: dict[str, str], bold: bool) -> None:
    master, slave = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | env
    subprocess.run([sys.executable, "-m", "kwsd", "eval", "--help"], stdout=slave, env=env, check=True)
    os.close(slave)
    shown = b""
    with os.fdopen(master, "rb", buffering=0) as terminal, suppress(OSError):  # EIO is its end
        while data := terminal.read(65_536):
            shown += data
    assert (b"\x1b[1m" in shown) == bold
    assert b"What to measure" in shown


def test_flags_are_grouped_by_section(kwsd: Command) -> None:
    lines = kwsd("listen", "--help").out.splitlines()
    heading = lines.index("When scores become a detection:")
    assert lines[heading + 1].startswith("  --words")
    assert lines.index("Other options:") > heading


def test_without_docstrings_groups_are_called_as_their_sections() -> None:
    command = [sys.executable, "-OO", "-m", "kwsd", "listen", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "\naudio:\n" in done.stdout
    assert "Config(" not in done.stdout

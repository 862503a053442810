"""Flags say what `load_config` wants to hear, and nothing where they were not given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.cli.flags import overrides

Command = Callable[..., Any]


def given(**values: Any) -> dict[str, Any]:
    return overrides(values)


def test_what_was_not_given_is_left_out() -> None:
    assert given(gate_enabled=None, model_hop_ms=None, hooks_words=None, hook_shell=None) == {}


def test_values_come_under_their_keys() -> None:
    assert given(model_hop_ms="50", gate_enabled=False) == {"model.hop_ms": "50", "gate.enabled": False}


def test_a_flag_that_only_switches_off() -> None:
    assert given(socket_enabled=True) == {"socket.enabled": False}


def test_hooks_of_both_kinds_are_one_option() -> None:
    words = given(hooks_words=["stop=a b"], hook_shell=["stop=c | d"])["hooks.words"]
    assert words == {"stop": (("a", "b"), ("/bin/sh", "-c", "c | d"))}


def rows(out: str) -> dict[str, tuple[str, str]]:
    found = {}
    for line in out.splitlines()[1:]:
        key, *value = line.split("  ")
        cells = [cell.strip() for cell in value if cell.strip()]
        found[key.strip()] = (cells[0], cells[-1])
    return found


def test_the_command_line_arrives(kwsd: Command) -> None:
    ran = kwsd(
        *("config", "--no-gate", "--hop", 50, "--words", "yes,no", "--threshold", 0.9, "--no-socket"),
        *("--microphone", "usb", "--hook", "stop=playerctl pause", "--hook-shell", "*=date >>log", "--events", "all"),
    )  # fmt: skip
    assert ran.status == 0
    told = rows(ran.out)
    assert told["gate.enabled"] == ("false", "flag --no-gate")
    assert told["model.hop_ms"] == ("50", "flag --hop")
    assert told["trigger.words"] == ('["yes", "no"]', "flag --words")
    assert told["trigger.threshold"] == ("0.9", "flag --threshold")
    assert told["socket.enabled"] == ("false", "flag --no-socket")
    assert told["audio.device"] == ('"usb"', "flag --microphone")
    assert told["output.events"] == ('"all"', "flag --events")
    assert told["hooks.words.stop"] == ('[["playerctl", "pause"]]', "flag --hook")
    assert told["hooks.words.*"][0] == '[{ shell = "date >>log" }]'
    assert told["gate.onset_ms"] == ("30", "default")


def test_a_socket_by_name_is_wanted(kwsd: Command, tmp_path: Path) -> None:
    told = rows(kwsd("config", "--socket", tmp_path / "s").out)
    assert told["socket.enabled"][0] == "true"
    assert json.loads(told["socket.path"][0]) == str(tmp_path / "s")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--hop", "7"), "--hop is 7; it must be a whole number from 10 to 1000, in steps of 10"),
        (("--threshold", "0"), "--threshold is 0.0; it must be a number from 0.001 to 1"),
        (("--threshold", "loud"), "--threshold is 'loud'; it must be a number from 0.001 to 1"),
        (("--device", "tpu"), "--device is 'tpu'; it must be auto, cuda or cpu"),
        (("--hook", "stop"), "--hook 'stop': expected WORD=COMMAND"),
        (("--hook", "stop='x"), """--hook "stop='x" is "'x": no closing quotation"""),
        (("--events", "foo"), "--events is 'foo'; it must be detections or all"),
        (("--format", "xml"), "--format is 'xml'; it must be table or toml"),
    ],
)
def test_a_wrong_value_names_flag_value_and_range(kwsd: Command, arguments: tuple[str, ...], expected: str) -> None:
    ran = kwsd("config", *arguments)
    assert ran.status == 2
    assert ran.err.startswith(f"kwsd: error: {expected}")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("classify x.wav --top 0", "--top is 0; it must be 1 or more"),
        ("classify x.wav --top x", "--top is 'x'; it must be a whole number"),
        ("classify x.wav --format xml", "--format is 'xml'; it must be text or json"),
        ("classify x.wav --window 500", "--window is 500.0; it must be a number from 0.1 to 60"),
        ("status --format xml", "--format is 'xml'; it must be text or json"),
        ("bench --seconds 1", "--seconds is 1; it must be 2 or more"),
        ("bench --seconds x", "--seconds is 'x'; it must be a number"),
        ("export x --window 100", "--window is 100; it must be 60 or less"),
        ("listen x.wav --threshold 1.5", "--threshold is 1.5; it must be a number from 0.001 to 1"),
        ("listen x.wav --format xml", "--format is 'xml'; it must be auto, text or json"),
        ("doctor --device tpu", "--device is 'tpu'; it must be auto, cuda or cpu"),
        ("lisen", "no such command 'lisen'; did you mean 'listen'? (see kwsd --help)"),
        ("listen --treshold 0.5", "no such option: --treshold; did you mean --threshold? (see kwsd listen --help)"),
        ("listen --words", "option '--words' requires an argument (see kwsd listen --help)"),
        (
            "listen a.wav b.wav",
            "got unexpected extra argument(s) (b.wav) (quote a value with spaces; see kwsd listen --help)",
        ),
        ("eval clips", "missing argument 'CLIPS' (see kwsd eval clips --help)"),
        ("models pul", "no such command 'pul'; did you mean 'pull'? (see kwsd models --help)"),
        ("--loud", "no such option: --loud (see kwsd --help)"),
    ],
)
def test_every_command_says_so_alike(kwsd: Command, arguments: str, expected: str) -> None:
    ran = kwsd(*arguments.split())
    assert (ran.status, ran.out, ran.err) == (2, "", f"kwsd: error: {expected}\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--words yes --words stop", "--words was given twice; write --words yes,no"),
        ("--labels a,b --labels=c", "--labels was given twice; write --labels 'a dog barking,glass breaking'"),
        ("--threshold 0.5 --threshold 0.9", "--threshold was given twice; leave one of them out"),
        ("--gate --no-gate", "--gate/--no-gate was given twice; leave one of them out"),
    ],
)
def test_a_flag_of_which_only_the_last_would_count_is_given_once(kwsd: Command, arguments: str, expected: str) -> None:
    ran = kwsd("listen", "x.wav", *arguments.split())
    assert (ran.status, ran.out, ran.err) == (2, "", f"kwsd: error: {expected}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("listen", "x.wav", "--config", "a", "--config", "b"), ("classify", "x.wav", "--top", "1", "--top=2"),
        ("export", "x", "--out", "a", "--out", "b"), ("eval", "negatives", "x", "--json", "a", "--json", "b"),
        ("models", "info", "x", "--format", "json", "--format", "json"),
        ("eval", "stream", "--words", "clips", "--words", "more", "--speech", "talk"),
    ],
)  # fmt: skip
def test_so_is_a_value_that_is_a_command_s_own(kwsd: Command, arguments: tuple[str, ...]) -> None:
    flag = next(word for word in arguments if word.startswith("--"))
    ran = kwsd(*arguments)
    assert (ran.status, ran.out, ran.err) == (2, "", f"kwsd: error: {flag} was given twice; leave one of them out\n")


def test_hooks_add_up(kwsd: Command) -> None:
    told = rows(kwsd("config", "--hook", "stop=a", "--hook", "stop=b", "--hook-shell", "*=c").out)
    assert told["hooks.words.stop"][0] == '[["a"], ["b"]]'


def test_an_empty_name_is_no_model(kwsd: Command) -> None:
    ran = kwsd("listen", "x.wav", "--model", "")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "kwsd: error: --model is empty; the default is hubert-commands\n"


@pytest.mark.parametrize(
    "command",
    ["models info", "models remove", "models remove owner/name", "models pull", "models pull owner/name", "export"],
)
def test_an_empty_argument_is_no_model(kwsd: Command, command: str) -> None:
    ran = kwsd(*command.split(), "")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "kwsd: error: the model's name is empty: kwsd models lists the available ones\n"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("classify x.wav", "FILE"), ("eval clips", "CLIPS"), ("eval stream --words clips --speech", "--speech"),
        ("train --data", "--data"), ("export hubert-commands --out", "--out"), ("config --config", "--config"),
    ],
)  # fmt: skip
def test_an_empty_path_is_not_the_current_folder(kwsd: Command, command: str, name: str) -> None:
    """A shell gives one for "$FOLDER" where the variable is not set."""
    ran = kwsd(*command.split(), "")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"kwsd: error: {name} is empty; name a file or a folder; . is the current one\n"


@pytest.mark.parametrize("command", ["eval clips x", "eval stream x.wav x.tsv", "eval negatives x", "bench x.wav"])
def test_an_empty_place_for_the_findings_does_not_lose_them(kwsd: Command, command: str) -> None:
    ran = kwsd(*command.split(), "--json", "")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "kwsd: error: --json is empty; name a file, or - to print it\n"


def test_the_same_value_in_a_file_is_a_wrong_configuration(kwsd: Command, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[trigger]\nthreshold = 1.5\n", encoding="utf-8")
    assert kwsd("config", "--config", file).status == 78

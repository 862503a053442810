"""`kwsd doctor` looks at the configuration: whether it can be read, its words, and its hooks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("usb_microphone")


def test_a_broken_configuration_comes_first(findings: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text("[gate]\nonset = 3\n", encoding="utf-8")
    status, found = findings()
    assert status == 78
    assert "onset_ms" in found["configuration"]["remedy"]


def test_the_remedy_for_a_configuration_works_while_it_is_wrong(
    findings: Command, kwsd: Command, configured: Command
) -> None:
    configured(f"[gate]\nonset_ms = {'1' * 5000}\n")  # more digits than Python takes, an error without a remedy
    status, found = findings()
    command = "kwsd config --config /dev/null --format toml"
    assert (status, f"{command} prints a valid file" in found["configuration"]["remedy"]) == (78, True)
    ran = kwsd(*command.split()[1:])
    assert (ran.status, ran.err) == (0, "")


def test_a_configuration_that_any_user_may_change(findings: Command, user: Path, configured: Command) -> None:
    configured("")
    user.chmod(0o777)
    status, found = findings()
    assert (status, found["configuration"]["state"]) == (0, "warn")
    assert found["configuration"]["remedy"] == f"chmod o-w {user}"


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("[xyzzy]\n", ": unknown section [xyzzy]", "the sections are [audio], "),
        ("[gate]\nxyzzy = 3\n", ": unknown key 'xyzzy' in [gate]", "its keys are enabled, "),
        ("gate = 3\n", ": gate is 3", "it must be a section, [gate]"),
        ("[hooks.words]\nyes = 3\n", ": hooks.words.yes is 3", "a hook is a line"),
    ],
)
def test_what_a_configuration_should_have_is_its_remedy(
    findings: Command, user: Path, configured: Command, text: str, said: str, remedy: str
) -> None:
    configured(text)
    status, found = findings()
    assert status == 78
    assert found["configuration"]["found"] == f"{user / 'config.toml'}{said}"
    assert found["configuration"]["remedy"].startswith(remedy)


def test_the_voice_detector_is_needed_only_by_the_gate(
    findings: Command, configured: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    status, found = findings()
    assert (status, found["voice detector"]["state"]) == (69, "fail")
    assert found["voice detector"]["remedy"] == "pip install webrtcvad-wheels, or --no-gate"
    configured("[gate]\nenabled = false\n")
    status, found = findings()
    assert (status, found["voice detector"]["state"]) == (0, "ok")


def test_words_and_hooks_are_looked_at(findings: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text('[hooks.words]\nyes = "/no/such/program"\nzebra = "true"\n', encoding="utf-8")
    status, found = findings()
    assert status == 78
    assert found["model"]["state"] == "ok"
    assert found["words"]["found"].endswith("does not know 'zebra'")
    assert found["words"]["remedy"] == "it knows yes, no"
    assert found["scoring"]["state"] == "ok"
    assert "/no/such/program" in found["hooks"]["found"]
    assert "check its path" in found["hooks"]["remedy"]


@pytest.mark.parametrize(
    ("hook", "said", "remedy"),
    [
        ('["/etc/passwd"]', "'/etc/passwd' is not executable", "chmod +x /etc/passwd"),
        ('["~/bin/lamp"]', "without a shell, which would expand ~", "write the whole path"),
        ('["$HOME/lamp"]', "without a shell, which would expand $", "write the whole path"),
        ('["echo yes"]', "'echo yes' is not found", "a list of strings is one program with its arguments"),
    ],
)
def test_a_hook_that_cannot_run(findings: Command, configured: Command, hook: str, said: str, remedy: str) -> None:
    configured(f"[hooks.words]\nyes = {hook}\n")
    status, found = findings()
    assert status == 78
    assert found["hooks"]["found"].endswith(said)
    assert found["hooks"]["remedy"] == remedy


def test_a_hook_that_no_shell_reads(kwsd: Command, tiny_model: Path, configured: Command) -> None:
    configured('[hooks.words]\nyes = "true && false"\n')
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert "warn  hooks            yes runs a command with '&&', which only a shell understands\n" in ran.out
    assert "to run it by a shell, use --hook-shell, or { shell" in ran.out


def test_a_hook_of_several_lines_is_told_on_one(kwsd: Command, tiny_model: Path, configured: Command) -> None:
    configured('[hooks.words]\nyes = { shell = """if true; then\n echo \\u001b]0;pwned\nfi""" }\n')
    ran = kwsd("doctor", "--model", tiny_model)
    assert r"hooks            yes runs if true; then\n echo \x1b]0;pwned\nfi" in ran.out
    assert all(line.startswith("ok    ") for line in ran.out.splitlines())


def test_variables_that_no_hook_may_have(findings: Command, configured: Command) -> None:
    configured('[hooks]\nenvironment = ["NOTIFY_SOCKET"]\n')
    status, found = findings()
    assert (status, found["hooks"]["remedy"]) == (78, "leave it out")

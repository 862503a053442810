"""`kwsd doctor` finds what is wrong, says what to do, and ends with the status of the first failure."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.microphone import InputDevice
from kwsd.errors import DeviceError

Command = Callable[..., Any]

USB = InputDevice(3, "USB Audio", "ALSA", 1, 48_000.0, is_default=True)


@pytest.fixture(autouse=True)
def microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.audio.microphone.input_devices", lambda: [USB])


@pytest.fixture
def findings(kwsd: Command, tiny_model: Path) -> Command:
    """Run it; the exit status, and the findings by what was looked at (the last, where there are two)."""

    def run(*arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
        ran = kwsd("doctor", "--format", "json", "--model", tiny_model, *arguments)
        return ran.status, {finding["what"]: finding for finding in json.loads(ran.out)}

    return run


def test_all_is_well(findings: Command) -> None:
    status, found = findings()
    assert status == 0
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert "USB Audio" in found["microphone"]["found"]
    assert "tiny, 2 words, checksum verified" in found["model"]["found"]
    assert " ms on " in found["scoring"]["found"]


def test_text_is_a_line_each(kwsd: Command, tiny_model: Path) -> None:
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert all(line.startswith("ok    ") for line in ran.out.splitlines())


def test_no_portaudio_is_a_device_that_is_missing(findings: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[InputDevice]:
        raise DeviceError("PortAudio is missing: apt install libportaudio2")

    monkeypatch.setattr("kwsd.audio.microphone.input_devices", missing)
    status, found = findings()
    assert status == 69
    assert found["PortAudio"]["state"] == "fail"
    assert "apt install" in found["PortAudio"]["found"]
    assert found["model"]["state"] == "ok"  # the rest is looked at all the same


def test_a_microphone_that_is_not_there(findings: Command) -> None:
    status, found = findings("--microphone", "headset")
    assert status == 69
    assert found["PortAudio"]["state"] == "ok"
    assert found["microphone"]["state"] == "fail"


def test_a_broken_configuration_comes_first(findings: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text("[gate]\nonset = 3\n", encoding="utf-8")
    status, found = findings()
    assert status == 78
    assert "onset_ms" in found["configuration"]["found"]


def test_a_damaged_model(findings: Command, tmp_path: Path, tiny_model: Path) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    status, found = findings("--model", tmp_path)
    assert status == 78
    assert "SHA-256" in found["model"]["found"]


def test_words_and_hooks_are_looked_at(findings: Command, user: Path) -> None:
    user.mkdir()
    (user / "config.toml").write_text('[hooks.words]\nyes = "/no/such/program"\nzebra = "true"\n', encoding="utf-8")
    status, found = findings()
    assert status == 78
    assert "zebra" in found["model"]["found"]
    assert "/no/such/program" in found["hooks"]["found"]


def test_a_daemon_that_runs_is_seen(findings: Command) -> None:
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / "kwsd" / "events.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert "a daemon listens" in findings()[1]["socket"]["found"]
    assert "dead daemon" in findings()[1]["socket"]["found"]


def test_without_a_runtime_folder_it_warns(kwsd: Command, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    ran = kwsd("doctor", "--model", tiny_model)
    assert ran.status == 0
    assert "warn  socket" in ran.out
    assert "--socket" in ran.out


def test_a_folder_that_cannot_be_made(findings: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    status, found = findings()
    assert status == 69
    assert found["state folder"]["remedy"]

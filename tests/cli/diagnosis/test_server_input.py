"""`kwsd doctor` says what a sound server's default input is, as pactl tells it, if kwsd would hear that input."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.capture.devices import InputDevice
from kwsd.cli.diagnosis.findings import Finding
from kwsd.cli.diagnosis.server_input import _TARGETS, look_at_server_input

PACTL = """#!/bin/sh
[ "$LC_ALL $PULSE_BINARY" = "C /bin/false" ] || exit 2
case $* in
get-default-source) echo "{source}";;
"get-source-mute @DEFAULT_SOURCE@") echo "Mute: {mute}";;
*) exit 2;;
esac
"""
"""It prints what the real one prints, which answers in the user's language and starts a server if it may."""


@pytest.fixture
def pactl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a program of that name."""
    for name in _TARGETS:
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "bin" / "pactl"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    def write(source: str = "alsa_input.usb", mute: str = "no", script: str = PACTL) -> Path:
        program.write_text(script.replace("{source}", source).replace("{mute}", mute))
        program.chmod(0o755)
        return program

    return write


def device(name: str) -> InputDevice:
    return InputDevice(0, name, "ALSA", 32, 44_100.0, is_default=name == "default")


def look(name: str = "default", *others: str) -> list[Finding]:
    microphone = device(name)
    return list(look_at_server_input(microphone, [microphone, *map(device, others or ["pulse"])]))


def test_a_microphone_is_named(pactl: Callable[..., Path]) -> None:
    pactl()
    (finding,) = look()
    assert (finding.state, finding.remedy) == ("ok", "")
    assert "alsa_input.usb" in finding.found


@pytest.mark.parametrize("name", ["default", "pulse", "pipewire"])
def test_the_monitor_of_a_loudspeaker_is_a_doubt(pactl: Callable[..., Path], name: str) -> None:
    pactl("alsa_output.pci.monitor")
    (finding,) = look(name)
    assert (finding.state, finding.status) == ("warn", 0)
    assert "alsa_output.pci.monitor, is no microphone" in finding.found
    assert finding.remedy.startswith("pactl set-default-source NAME ")


def test_so_is_a_muted_input(pactl: Callable[..., Path]) -> None:
    pactl(mute="yes")
    (finding,) = look()
    assert (finding.state, finding.status) == ("warn", 0)
    assert "alsa_input.usb, is muted" in finding.found
    assert shlex.split(finding.remedy) == ["pactl", "set-source-mute", "@DEFAULT_SOURCE@", "0"]


def test_both_are_told(pactl: Callable[..., Path]) -> None:
    pactl("virtual.monitor", "yes")
    assert [finding.state for finding in look()] == ["warn", "warn"]


@pytest.mark.parametrize("source", ["(null)", "@DEFAULT_SOURCE@"])  # as PulseAudio and PipeWire say it
def test_a_server_without_an_input_is_told(pactl: Callable[..., Path], source: str) -> None:
    pactl(source)
    (finding,) = look()
    assert (finding.state, finding.found) == ("warn", "it has no input")


@pytest.mark.parametrize("devices", [("USB Audio (hw:1,0)", "pulse"), ("default", "USB Audio (hw:1,0)")])
def test_of_a_device_that_is_not_the_server_s_nothing_is_told(
    pactl: Callable[..., Path], devices: tuple[str, ...]
) -> None:
    pactl("alsa_output.pci.monitor", "yes")
    assert look(*devices) == []


def test_whoever_chooses_another_input_by_a_variable_hears_that_one(
    pactl: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pactl("alsa_output.pci.monitor", "yes")
    monkeypatch.setenv("PIPEWIRE_PROPS", "{ target.object = usb }")
    (finding,) = look()
    assert finding.state == "ok"
    assert "PIPEWIRE_PROPS" in finding.found


def test_without_pactl_that_is_said(
    pactl: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pactl()
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = look()
    assert finding.state == "ok"
    assert "apt install pulseaudio-utils" in finding.found


@pytest.mark.parametrize("script", ["#!/bin/sh\nexec sleep 1000\n", "#!/nowhere\n", "#!/bin/sh\nexit 1\n"])
def test_a_server_that_hangs_or_is_not_there_holds_nobody_up(
    pactl: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    pactl(script=script)
    monkeypatch.setattr("kwsd.cli.diagnosis.asking._PATIENCE_S", 0.2)
    (finding,) = look()
    assert (finding.state, finding.found) == ("ok", "not checked: none answers pactl")


def test_the_doctor_warns_and_ends_well(
    pactl: Callable[..., Path], findings: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pactl("alsa_output.pci.monitor")
    monkeypatch.setattr(
        "kwsd.audio.capture.probing.probed_devices", lambda: [device("pulse"), device("default"), device("USB")]
    )
    monkeypatch.setattr("kwsd.cli.diagnosis.gain_control._CARDS", Path("/nowhere"))
    status, found = findings()
    assert (status, found["sound server"]["state"]) == (0, "warn")
    assert "sound server" not in findings("--microphone", "usb")[1]


def test_a_real_server_s_answers_are_understood(virtual_microphone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _TARGETS:
        monkeypatch.delenv(name, raising=False)
    for name, value in virtual_microphone.env.items():
        monkeypatch.setenv(name, value)
    (finding,) = look()
    assert "kwsd.monitor, is no microphone" in finding.found

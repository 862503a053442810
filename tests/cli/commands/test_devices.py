"""`kwsd devices`, for microphones that a test brings along."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from patience import PATIENCE_S

from kwsd.audio.capture.devices import InputDevice
from kwsd.errors import DeviceError

Command = Callable[..., Any]

DEVICES = [
    InputDevice(0, "Built-in", "ALSA", 2, 44_100.0, is_default=False),
    InputDevice(3, "USB Audio [x]", "ALSA", 1, 48_000.0, is_default=True),
]


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> list[InputDevice]:
    found = list(DEVICES)
    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", lambda: found)
    return found


@pytest.mark.usefixtures("present")
def test_a_table(kwsd: Command) -> None:
    lines = [line.split() for line in kwsd("devices").out.splitlines()]
    assert lines[1] == ["0", "Built-in", "ALSA", "2", "44100"]
    assert lines[2] == ["3", "USB", "Audio", "[x]", "ALSA", "1", "48000", "yes"]


def test_json(kwsd: Command, present: list[InputDevice]) -> None:
    found = json.loads(kwsd("devices", "--format", "json").out)
    assert [InputDevice(**device) for device in found] == present


def test_none_at_all_is_said_with_what_to_do(kwsd: Command, present: list[InputDevice]) -> None:
    present.clear()
    ran = kwsd("devices")
    assert (ran.status, ran.out) == (69, "")
    assert "plug in a microphone" in ran.err


def test_a_sound_server_that_hangs_is_told(
    kwsd: Command, present: list[InputDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kwsd.cli.microphones.LATE_S", 0.05)
    told = threading.Event()
    write = os.write

    def telling(descriptor: int, data: bytes) -> int:
        written = write(descriptor, data)
        told.set()
        return written

    def late() -> list[InputDevice]:
        assert told.wait(PATIENCE_S)
        return present

    monkeypatch.setattr("kwsd.cli.microphones.os.write", telling)
    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", late)
    ran = kwsd("devices")
    assert (ran.status, ran.out.count("\n")) == (0, 3)
    assert "the sound server has not answered yet" in ran.err


def test_no_portaudio(kwsd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[InputDevice]:
        raise DeviceError("PortAudio is missing", "apt install libportaudio2")

    monkeypatch.setattr("kwsd.audio.capture.probing.probed_devices", missing)
    ran = kwsd("devices")
    assert (ran.status, ran.err) == (69, "kwsd: error: PortAudio is missing: apt install libportaudio2\n")

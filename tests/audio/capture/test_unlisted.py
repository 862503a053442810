"""What is said of a card that PortAudio does not list, from the kernel's own files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.capture.devices import find_device, input_devices
from kwsd.errors import DeviceError

CARDS = """\
 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi
                      vc4-hdmi
 1 [Device         ]: USB-Audio - USB PnP Sound Device
                      C-Media Electronics Inc. USB PnP Sound Device at usb-3f980000.usb-1.3, full speed
"""
INFO = "card: 1\ndevice: 0\nstream: CAPTURE\nname: USB Audio\nsubdevices_count: 1\nsubdevices_avail: {}\n"
NAME = r"'USB PnP Sound Device: USB Audio \(hw:1,0\)'"


class Card:
    """A USB microphone, as the kernel shows it."""

    def __init__(self, nodes: Path, cards: Path) -> None:
        self.node, self._stream = nodes / "pcmC1D0c", cards / "card1" / "pcm0c"
        (self._stream / "sub0").mkdir(parents=True)
        (cards / "cards").write_text(CARDS)
        self.node.touch()
        self.free()

    def free(self) -> None:
        (self._stream / "info").write_text(INFO.format(1))
        (self._stream / "sub0" / "status").write_text("closed\n")

    def held(self, owner: int) -> None:
        (self._stream / "info").write_text(INFO.format(0))
        told = f"state: RUNNING\nowner_pid   : {owner}\ntrigger_time: 100.000000000\n"
        (self._stream / "sub0" / "status").write_text(told)


@pytest.fixture
def card(portaudio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """The machine's only card; PortAudio lists no input."""
    portaudio.devices.clear()
    nodes, cards = tmp_path / "snd", tmp_path / "asound"
    nodes.mkdir()
    (nodes / "pcmC0D0p").touch()  # to play only
    monkeypatch.setattr("kwsd.audio.capture.unlisted._NODES", nodes)
    monkeypatch.setattr("kwsd.audio.capture.unlisted._CARDS", cards)
    return Card(nodes, cards)


@pytest.mark.parametrize("wanted", [None, "usb", "(hw:1,0)", "1"])
def test_a_card_that_a_program_holds_is_named_with_the_program(card: Card, wanted: str | None) -> None:
    card.held(os.getpid())
    program = Path("/proc/self/comm").read_text().strip()
    says = rf"no input device.*: {NAME} is in use by process {os.getpid()} \({program}\); end that program$"
    with pytest.raises(DeviceError, match=says):
        find_device(wanted, input_devices())


def test_a_holder_that_cannot_be_seen(card: Card) -> None:
    card.held(0)
    with pytest.raises(DeviceError, match=rf"{NAME} is in use by another program; end"):
        find_device(None, input_devices())


def test_a_card_that_the_user_may_not_open_is_named_with_its_group(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # so it seems; to root, who runs many tests, none is
    monkeypatch.setattr("grp.getgrgid", lambda _: type("Group", (), {"gr_name": "audio"}))
    says = rf"no input device: {NAME} is not for this user \({card.node}\); add the user to the group audio \(usermod"
    with pytest.raises(DeviceError, match=says):
        find_device(None, input_devices())


@pytest.mark.usefixtures("card")
def test_a_kernel_that_tells_no_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kwsd.audio.capture.unlisted._CARDS", tmp_path / "nothing")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(DeviceError, match=r"^no input device: 'card 1 \(hw:1,0\)' is not for this user"):
        find_device(None, input_devices())


def test_another_card_than_the_one_that_is_meant_says_nothing(card: Card, portaudio: Any) -> None:
    card.held(1)
    portaudio.devices.append(portaudio.device("Webcam"))
    with pytest.raises(DeviceError, match=r"^no input device matches 'headset': choose one of 0 'Webcam' \(ALSA\)$"):
        find_device("headset", input_devices())


@pytest.mark.parametrize("wanted", ["pnp", "1"])
def test_beside_a_card_that_is_held_the_others_are_named(card: Card, portaudio: Any, wanted: str) -> None:
    card.held(0)
    portaudio.devices.append(portaudio.device("pulse"))
    says = rf"{NAME} is in use by another program; end that program, or choose one of 0 'pulse' \(ALSA\)$"
    with pytest.raises(DeviceError, match=says):
        find_device(wanted, input_devices())


def test_a_card_that_is_free_is_no_reason(card: Card) -> None:
    card.free()
    with pytest.raises(DeviceError, match="no input device: plug in"):
        find_device(None, input_devices())

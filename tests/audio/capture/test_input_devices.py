"""Which device is meant, and what is said where none or several could be."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from kwsd.audio.capture.devices import InputDevice, find_again, find_device, input_devices
from kwsd.audio.capture.portaudio import PortAudioStream
from kwsd.errors import DeviceError


def test_devices_with_an_input_are_listed(portaudio: Any) -> None:
    assert input_devices() == [
        InputDevice(0, "USB Mic", "ALSA", 2, 48_000.0, True),
        InputDevice(2, "Webcam", "JACK", 2, 48_000.0, False),
        InputDevice(3, "Webcam Pro", "ALSA", 2, 48_000.0, False),
    ]
    portaudio.devices.clear()
    assert input_devices() == []


def test_without_a_default_of_its_own_the_first_host_api_with_one_is_asked(portaudio: Any) -> None:
    portaudio.default.device = (-1, -1)
    portaudio.devices[1] = portaudio.device("Headset")
    assert [found.name for found in input_devices() if found.is_default] == ["Headset"]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [(None, "USB Mic"), ("", "USB Mic"), ("3", "Webcam Pro"), ("usb", "USB Mic"), ("WEBCAM", "Webcam")],
)
def test_a_device_is_meant_by_index_or_part_of_its_name(portaudio: Any, wanted: str | None, name: str) -> None:
    assert portaudio.devices
    assert find_device(wanted, input_devices()).name == name
    assert PortAudioStream(wanted).name == name


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("kitchen", r"no input device matches 'kitchen'.*0 'USB Mic'.*2 'Webcam' \(JACK\), 3 'Webcam Pro'"),
        ("speaker", "no input device matches"),
        ("1", "no input device matches"),
        ("web", r"'web' matches several.*2 'Webcam' \(JACK\), 3 'Webcam Pro' \(ALSA\)"),
    ],
)
def test_none_or_several_are_refused_with_the_choices(portaudio: Any, wanted: str, says: str) -> None:
    assert portaudio.devices
    with pytest.raises(DeviceError, match=says):
        PortAudioStream(wanted)


def test_no_input_device_at_all(portaudio: Any) -> None:
    portaudio.devices[:] = [portaudio.device("Speaker", channels=0)]
    with pytest.raises(DeviceError, match="no input device: plug in"):
        PortAudioStream()


def test_no_portaudio_library(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loader:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    with pytest.raises(DeviceError, match="apt install libportaudio2"):
        input_devices()


@pytest.mark.parametrize("wanted", ["3", "Headset (hw:3,0)", "headset", "(hw:3,0)"])
def test_a_device_that_came_back_is_meant_by_its_name(wanted: str) -> None:
    came_back = [InputDevice(3, "Webcam (hw:0,0)", "ALSA", 1, 48_000.0, False)]
    came_back += [InputDevice(5, "Headset (hw:4,0)", "ALSA", 1, 48_000.0, False)]
    if wanted == "(hw:3,0)":  # then the number is what was asked for
        with pytest.raises(DeviceError, match="no input device matches"):
            find_again(wanted, "Headset (hw:3,0)", came_back)
    else:
        assert find_again(wanted, "Headset (hw:3,0)", came_back).index == 5


def test_of_two_of_a_kind_the_one_in_its_old_place_is_taken() -> None:
    twins = [InputDevice(number, f"Mic (hw:{number},0)", "ALSA", 1, 48_000.0, False) for number in (1, 2)]
    assert find_again("2", "Mic (hw:2,0)", twins).index == 2


@pytest.mark.parametrize("known", ["USB Mic (hw:1,0)", "USB Mic (hw:9,0)"])
def test_another_device_that_fits_as_well_does_not_keep_the_known_one_away(known: str) -> None:
    devices = [InputDevice(1, "USB Mic (hw:1,0)", "ALSA", 1, 48_000.0, False)]
    devices += [InputDevice(2, "USB Camera (hw:2,0)", "ALSA", 1, 48_000.0, False)]
    assert find_again("usb", known, devices).index == 1
    assert find_again("usb", known, devices[1:]).index == 2
    with pytest.raises(DeviceError, match="'usb' matches several"):
        find_again("usb", "", devices)


def test_a_number_is_not_a_part_of_another_one_nor_of_alsas_own() -> None:
    devices = [
        InputDevice(0, "HDA Intel PCH: ALC255 Analog (hw:1,7)", "ALSA", 2, 44_100.0, False),
        InputDevice(4, "Logitech 920", "ALSA", 2, 44_100.0, True),
    ]
    assert find_device("920", devices).index == find_device("4", devices).index == 4
    assert find_device("hw:1,7", devices).index == 0
    for number in ("2", "5", "1", "7"):
        with pytest.raises(DeviceError, match=f"no input device matches '{number}'"):
            find_device(number, devices)


def test_a_name_that_is_not_utf_8_takes_no_other_device_away(portaudio: Any, caplog: pytest.LogCaptureFixture) -> None:
    """As sounddevice does: it decodes all names, or that of the one that is asked for."""
    listed = [*portaudio.devices, portaudio.device("L\ufffdrm")]

    def query_devices(index: int | None = None) -> Any:
        if index in (None, 4):
            b"L\xe4rm".decode()
        return listed[index]

    portaudio.query_devices = query_devices
    portaudio.query_hostapis = lambda: [
        {"name": "ALSA", "default_input_device": 0, "devices": [0, 1, 3, 4]},
        {"name": "JACK", "default_input_device": 2, "devices": [2]},
    ]
    assert [device.index for device in input_devices()] == [0, 2, 3]
    assert r"its name is not UTF-8: b'L\xe4rm'" in caplog.text

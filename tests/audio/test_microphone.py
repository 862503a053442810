from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.audio.microphone import InputDevice, Microphone, find_again, find_device, input_devices
from kwsd.errors import DeviceError

BUSY, BAD_RATE, BAD_CHANNELS = -9985, -9997, -9998


class FakePortAudio(ModuleType):
    """What kwsd uses of sounddevice. A stream opens where `opens` gives no error, and hears what `hear` is given."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *devices: dict[str, Any], default: int = 0) -> None:
        super().__init__("sounddevice")
        self.devices = list(devices)
        self.default = SimpleNamespace(device=(default, -1))
        self.opens: Callable[[int, int], int] = lambda _rate, _channels: 0
        self.tried: list[tuple[int, int]] = []
        self.streams: list[FakeStream] = []
        self.opened = threading.Event()

    def query_devices(self) -> list[dict[str, Any]]:
        return self.devices

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "ALSA", "default_input_device": -1}, {"name": "JACK", "default_input_device": 1}]

    def RawInputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - sounddevice's name
        self.tried.append((options["samplerate"], options["channels"]))
        code = self.opens(*self.tried[-1])
        if code:
            raise self.PortAudioError("Error opening RawInputStream", code)
        self.streams.append(FakeStream(self, **options))
        return self.streams[-1]

    @property
    def stream(self) -> FakeStream:
        return self.streams[-1]


class FakeStream:
    def __init__(self, owner: FakePortAudio, **options: Any) -> None:
        self.owner = owner
        self.options = options
        self.samplerate = float(options["samplerate"])
        self.closed = False

    def start(self) -> None:
        self.owner.opened.set()

    def abort(self, *, ignore_errors: bool) -> None:
        assert ignore_errors

    def close(self, *, ignore_errors: bool) -> None:
        assert ignore_errors
        self.closed = True

    def hear(self, block: NDArray[np.int16], *, overflow: bool = False) -> None:
        """Call back as PortAudio does, whose buffer is gone afterwards."""
        assert len(block) == self.options["blocksize"]
        buffer = bytearray(block.tobytes())
        self.options["callback"](buffer, len(block), None, SimpleNamespace(input_overflow=overflow))
        buffer[:] = bytes(len(buffer))


def device(name: str, *, channels: int = 2, rate: float = 48_000.0, api: int = 0) -> dict[str, Any]:
    return {"name": name, "max_input_channels": channels, "default_samplerate": rate, "hostapi": api}


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio(
        device("USB Mic"), device("Speaker", channels=0), device("Webcam", api=1), device("Webcam Pro")
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def hear(portaudio: FakePortAudio, *blocks: NDArray[np.int16], overflow: frozenset[int] = frozenset()) -> None:
    for number, block in enumerate(blocks):
        portaudio.stream.hear(block, overflow=number in overflow)


def open_now(microphone: Microphone, portaudio: FakePortAudio, first: NDArray[np.int16]) -> Iterator[Any]:
    """The microphone's blocks, the first of them heard and taken."""
    blocks = microphone.blocks()

    def hear_once_open() -> None:
        assert portaudio.opened.wait(10)
        hear(portaudio, first)

    thread = threading.Thread(target=hear_once_open)
    thread.start()
    next(blocks)
    thread.join(10)
    return blocks


def silence(frames: int, channels: int = 1) -> NDArray[np.int16]:
    return np.zeros((frames, channels), np.int16)


def test_devices_with_an_input_are_listed(portaudio: FakePortAudio) -> None:
    assert input_devices() == [
        InputDevice(0, "USB Mic", "ALSA", 2, 48_000.0, True),
        InputDevice(2, "Webcam", "JACK", 2, 48_000.0, False),
        InputDevice(3, "Webcam Pro", "ALSA", 2, 48_000.0, False),
    ]
    portaudio.devices.clear()
    assert input_devices() == []


def test_without_a_default_of_its_own_the_first_host_api_with_one_is_asked(portaudio: FakePortAudio) -> None:
    portaudio.default.device = (-1, -1)
    portaudio.devices[1] = device("Headset")
    assert [found.name for found in input_devices() if found.is_default] == ["Headset"]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [(None, "USB Mic"), ("", "USB Mic"), ("3", "Webcam Pro"), ("usb", "USB Mic"), ("WEBCAM", "Webcam")],
)
def test_a_device_is_meant_by_index_or_part_of_its_name(
    portaudio: FakePortAudio, wanted: str | None, name: str
) -> None:
    assert portaudio.devices
    assert find_device(wanted, input_devices()).name == name
    assert Microphone(wanted).name == name


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("kitchen", r"no input device matches 'kitchen'.*0 'USB Mic'.*2 'Webcam' \(JACK\), 3 'Webcam Pro'"),
        ("speaker", "no input device matches"),
        ("1", "no input device matches"),
        ("web", r"'web' matches several.*2 'Webcam' \(JACK\), 3 'Webcam Pro' \(ALSA\)"),
    ],
)
def test_none_or_several_are_refused_with_the_choices(portaudio: FakePortAudio, wanted: str, says: str) -> None:
    assert portaudio.devices
    with pytest.raises(DeviceError, match=says):
        Microphone(wanted)


def test_no_input_device_at_all(portaudio: FakePortAudio) -> None:
    portaudio.devices[:] = [device("Speaker", channels=0)]
    with pytest.raises(DeviceError, match="no input device: plug in"):
        Microphone()


def test_no_portaudio_library(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loader:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    with pytest.raises(DeviceError, match="apt install libportaudio2"):
        input_devices()


def test_at_16_khz_mono_the_samples_come_through_as_they_are(portaudio: FakePortAudio) -> None:
    microphone = Microphone()
    blocks = open_now(microphone, portaudio, silence(320))
    assert portaudio.tried == [(16_000, 1)]
    sent = np.random.default_rng(8).integers(-32768, 32767, (5, 320, 1)).astype(np.int16)
    hear(portaudio, *sent)
    for block in sent:
        np.testing.assert_array_equal(next(blocks).samples, block[:, 0])
    microphone.close()
    assert list(blocks) == []
    assert portaudio.stream.closed
    assert microphone.live


def test_a_device_that_only_does_44_1_khz_stereo_is_resampled(portaudio: FakePortAudio) -> None:
    portaudio.devices[0] = device("USB Mic", rate=44_100.0)
    portaudio.opens = lambda rate, channels: BAD_RATE if rate != 44_100 else BAD_CHANNELS if channels != 2 else 0
    wave = (8000 * np.sin(2 * np.pi * 500 * np.arange(44_100) / 44_100)).astype(np.int16)
    stereo = np.stack([wave, wave // 2], axis=1).reshape(50, 882, 2)
    microphone = Microphone(stall_s=0.2)
    blocks = open_now(microphone, portaudio, stereo[0])
    assert portaudio.tried == [(16_000, 1), (44_100, 1), (44_100, 2)]
    hear(portaudio, *stereo[1:])
    heard = np.concatenate([next(blocks).samples for _ in stereo[1:]])
    assert 15_000 < len(heard) <= 15_680
    assert np.abs(heard[1000:]).max() == pytest.approx(6000, abs=30)
    microphone.close()


def test_overflows_are_counted_at_16_khz_without_drift(portaudio: FakePortAudio) -> None:
    portaudio.devices[0] = device("USB Mic", rate=44_100.0)
    portaudio.opens = lambda rate, _channels: BAD_RATE if rate == 16_000 else 0
    microphone = Microphone(block_ms=10)
    blocks = open_now(microphone, portaudio, silence(441))
    hear(portaudio, *[silence(441)] * 100, overflow=frozenset(range(0, 100, 2)))
    heard = [next(blocks) for _ in range(100)]
    assert [block.lost for block in heard] == [160, 0] * 50
    assert [block.overflow for block in heard] == [True, False] * 50
    microphone.close()


def test_a_reader_that_was_away_too_long_is_told_what_it_missed(portaudio: FakePortAudio) -> None:
    microphone = Microphone(stall_s=0.2)
    blocks = open_now(microphone, portaudio, silence(320))
    hear(portaudio, *[silence(320)] * 1000)  # 20 s
    first = next(blocks)
    assert first.lost > 0
    left = 1000 - first.lost // 320 - 1
    assert [(block.lost, len(block.samples)) for block in islice(blocks, left)] == [(0, 320)] * left
    with pytest.raises(DeviceError, match="no audio"):
        next(blocks)


def test_a_device_that_stops_calling_is_lost(portaudio: FakePortAudio) -> None:
    microphone = Microphone(stall_s=0.05)
    with pytest.raises(DeviceError, match=r"USB Mic: no audio for 0\.05 s"):
        list(microphone.blocks())
    assert portaudio.stream.closed


def test_a_stream_that_ends_by_itself_is_lost_at_once(portaudio: FakePortAudio) -> None:
    microphone = Microphone(stall_s=1000)
    blocks = open_now(microphone, portaudio, silence(320))
    hear(portaudio, silence(320))
    portaudio.stream.options["finished_callback"]()
    assert len(next(blocks).samples) == 320
    with pytest.raises(DeviceError, match="USB Mic: the stream broke off"):
        next(blocks)


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


def test_closing_wakes_a_reader_that_waits(portaudio: FakePortAudio) -> None:
    microphone = Microphone(stall_s=60)
    blocks: list[object] = []
    thread = threading.Thread(target=lambda: blocks.extend(microphone.blocks()))
    thread.start()
    assert portaudio.opened.wait(10)
    microphone.close()
    thread.join(10)
    assert not thread.is_alive()
    assert blocks == []
    assert portaudio.stream.closed


@pytest.mark.parametrize(
    ("code", "says", "tries"),
    [(BUSY, "USB Mic: busy: end the program", 1), (BAD_RATE, "USB Mic: cannot be opened .*kwsd devices", 4)],
)
def test_a_device_that_does_not_open_is_named(portaudio: FakePortAudio, code: int, says: str, tries: int) -> None:
    portaudio.opens = lambda _rate, _channels: code
    with pytest.raises(DeviceError, match=says):
        next(Microphone().blocks())
    assert len(portaudio.tried) == tries


def test_a_stream_that_does_not_start_is_closed(portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_stream: FakeStream) -> None:
        raise portaudio.PortAudioError("Error starting stream", BUSY)

    monkeypatch.setattr(FakeStream, "start", fail)
    with pytest.raises(DeviceError, match="busy"):
        next(Microphone().blocks())
    assert portaudio.stream.closed

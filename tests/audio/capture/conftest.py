"""Fakes of PortAudio: for this process, and for the one that captures, whose devices come and go."""

from __future__ import annotations

import gc
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from patience import PATIENCE_S

from kwsd.audio.capture.microphone import Microphone
from kwsd.audio.capture.timeouts import CaptureTimeouts
from kwsd.audio.source import Block, SearchFailed
from kwsd.events import Event

QUICK = CaptureTimeouts(start_s=PATIENCE_S, open_s=PATIENCE_S, stall_s=PATIENCE_S, first_pause_s=0.05, last_pause_s=0.2)
"""Lost is what has died or broken off, at once; what only hangs has its time in the tests of that."""


class Sound:
    """The machine's sound system: a file that the fake PortAudio reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set()

    def set(
        self,
        *devices: str,
        level: int = 100,
        hums: bool = False,
        hangs: str = "",
        crashes: bool = False,
        fault: bool = False,
        overflow: bool = False,
        rate: int | None = None,
    ) -> None:
        """From now on these are the devices, this is what they hear, and where PortAudio hangs, or that it crashes.

        They hear one value, `level`, or with `hums` that and its negative in turn. They know but the one `rate`, if one
        is given.
        """
        new = self._path.with_suffix(".new")
        behaviour: dict[str, Any] = {
            "level": level,
            "hums": hums,
            "hangs": hangs,
            "crashes": crashes,
            "fault": fault,
            "overflow": overflow,
        }
        behaviour |= {"rate": rate} if rate else {}
        new.write_text(json.dumps({"devices": devices or ("Mic (hw:1,0)",), **behaviour}))
        new.rename(self._path)


class Heard:
    """What a microphone gives, item by item."""

    def __init__(self, microphone: Microphone) -> None:
        self._items = microphone.blocks()
        self.close = self._items.close

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._items)

    def until(self, kind: type[Event]) -> tuple[Any, list[Block], list[Event]]:
        """The first event of a kind, the blocks before it, and the other events before it."""
        heard: list[Block] = []
        said: list[Event] = []
        for item in self:
            if isinstance(item, kind):
                return item, heard, said
            if not isinstance(item, SearchFailed):
                (heard if isinstance(item, Block) else said).append(item)  # type: ignore[attr-defined]  # either list
        raise AssertionError(f"it ended before {kind.__name__}")


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sound:
    """What the process that captures meets in the place of PortAudio."""
    shutil.copy(Path(__file__).with_name("fake_sounddevice.py"), tmp_path / "sounddevice.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FAKE_SOUND", str(tmp_path / "sound.json"))
    monkeypatch.setattr("kwsd.audio.capture.handle._REAP_S", 30.0)  # a busy machine is slow in killing, too
    return Sound(tmp_path / "sound.json")


@pytest.fixture
def listen(sound: Sound, children: Callable[[], set[int]]) -> Iterator[Callable[..., tuple[Microphone, Heard]]]:
    """Makes microphones and gives what they hear; none of their processes and descriptors may be left behind."""
    assert sound
    before, descriptors = children(), len(list(Path("/proc/self/fd").iterdir()))
    made: list[tuple[Microphone, Heard]] = []

    def make(device: str | None = None, **options: Any) -> tuple[Microphone, Heard]:
        microphone = Microphone(device, **{"timeouts": QUICK, **options})
        made.append((microphone, Heard(microphone)))
        return made[-1]

    yield make
    for microphone, blocks in made:
        microphone.close()
        blocks.close()
    made.clear()
    gc.collect()
    assert children() <= before
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors  # other tests' garbage may have held some


class FakePortAudio(ModuleType):
    """What kwsd uses of sounddevice. A stream opens and starts where `opens` and `starts` give no error code."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *devices: dict[str, Any], default: int = 0) -> None:
        super().__init__("sounddevice")
        self.devices = list(devices)
        self.default = SimpleNamespace(device=(default, -1))
        self.opens: Callable[[int, int], int] = lambda _rate, _channels: 0
        self.starts: Callable[[], int] = lambda: 0
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

    @staticmethod
    def device(name: str, *, channels: int = 2, rate: float = 48_000.0, api: int = 0) -> dict[str, Any]:
        return {"name": name, "max_input_channels": channels, "default_samplerate": rate, "hostapi": api}

    @property
    def stream(self) -> FakeStream:
        return self.streams[-1]


class FakeStream:
    """Hears what `hear` is given."""

    def __init__(self, owner: FakePortAudio, **options: Any) -> None:
        self.owner = owner
        self.options = options
        self.samplerate = float(options["samplerate"])
        self.closed = False

    def start(self) -> None:
        code = self.owner.starts()
        if code:
            raise self.owner.PortAudioError("Error starting stream", code)
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


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePortAudio:
    """What this process meets in the place of PortAudio; the machine's own cards are not looked at."""
    monkeypatch.setattr("kwsd.audio.capture.unlisted._NODES", tmp_path / "no-cards")
    device = FakePortAudio.device
    devices = device("USB Mic"), device("Speaker", channels=0), device("Webcam", api=1), device("Webcam Pro")
    fake = FakePortAudio(*devices)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake

"""A sound system of files and fakes, in which the tests plug and unplug devices."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.persistent import Patience, PersistentMicrophone
from kwsd.audio.source import Block, Sought
from kwsd.events import Event

QUICK = Patience(stall_s=1.0, first_pause_s=0.05, last_pause_s=0.2)


class Sound:
    """The machine's sound system: a file that the fake PortAudio reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set()

    def set(self, *devices: str, level: int = 100, hangs: str = "", overflow: bool = False) -> None:
        """From now on these are the devices, this is what they hear, and where PortAudio hangs."""
        new = self._path.with_suffix(".new")
        behaviour = {"level": level, "hangs": hangs, "overflow": overflow}
        new.write_text(json.dumps({"devices": devices or ("Mic (hw:1,0)",), **behaviour}))
        new.rename(self._path)


class Heard:
    """What a microphone gives, item by item."""

    def __init__(self, microphone: PersistentMicrophone) -> None:
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
            if not isinstance(item, Sought):
                (heard if isinstance(item, Block) else said).append(item)  # type: ignore[attr-defined]  # either list
        raise AssertionError(f"it ended before {kind.__name__}")


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sound:
    """What the process that captures meets in the place of PortAudio."""
    shutil.copy(Path(__file__).with_name("fake_sounddevice.py"), tmp_path / "sounddevice.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FAKE_SOUND", str(tmp_path / "sound.json"))
    monkeypatch.setattr("kwsd.audio.captured._REAP_S", 30.0)  # a busy machine is slow in killing, too
    return Sound(tmp_path / "sound.json")


@pytest.fixture
def listen(
    sound: Sound, children: Callable[[], set[int]]
) -> Iterator[Callable[..., tuple[PersistentMicrophone, Heard]]]:
    """Makes microphones and gives what they hear; none of their processes and descriptors may be left behind."""
    assert sound
    before, descriptors = children(), len(list(Path("/proc/self/fd").iterdir()))
    made: list[tuple[PersistentMicrophone, Heard]] = []

    def make(device: str | None = None, **options: Any) -> tuple[PersistentMicrophone, Heard]:
        microphone = PersistentMicrophone(device, **{"patience": QUICK, **options})
        made.append((microphone, Heard(microphone)))
        return made[-1]

    yield make
    for microphone, blocks in made:
        microphone.close()
        blocks.close()
    made.clear()
    gc.collect()
    assert children() <= before
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors

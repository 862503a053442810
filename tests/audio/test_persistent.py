"""The process that captures is a real one; PortAudio in it is a fake whose devices the tests plug and unplug."""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, islice, takewhile
from pathlib import Path
from typing import Any

import pytest

from kwsd.audio.captured import Captured
from kwsd.audio.persistent import Patience, PersistentMicrophone
from kwsd.audio.source import Block, Sought
from kwsd.errors import DeviceError
from kwsd.events import DeviceAudible, DeviceLost, DeviceRestored, DeviceSilent, Event

PATIENCE_S = 120.0
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


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sound:
    shutil.copy(Path(__file__).with_name("fake_sounddevice.py"), tmp_path / "sounddevice.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FAKE_SOUND", str(tmp_path / "sound.json"))
    monkeypatch.setattr("kwsd.audio.captured._REAP_S", 30.0)  # a busy machine is slow in killing, too
    return Sound(tmp_path / "sound.json")


@pytest.fixture
def listen(
    sound: Sound, children: Callable[[], set[int]]
) -> Iterator[Callable[..., tuple[PersistentMicrophone, Iterator[Any]]]]:
    """Makes microphones and gives what they hear; none of their processes and descriptors may be left behind."""
    assert sound
    before, descriptors = children(), len(list(Path("/proc/self/fd").iterdir()))
    made: list[tuple[PersistentMicrophone, Any]] = []

    def make(device: str | None = None, **options: Any) -> tuple[PersistentMicrophone, Iterator[Any]]:
        microphone = PersistentMicrophone(device, **{"patience": QUICK, **options})
        made.append((microphone, microphone.blocks()))
        return made[-1]

    yield make
    for microphone, blocks in made:
        microphone.close()
        blocks.close()
    made.clear()
    gc.collect()
    assert children() <= before
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def until(blocks: Iterator[Any], kind: type[Event]) -> tuple[Any, list[Block], list[Event]]:
    """The first event of a kind, the blocks before it, and the other events before it."""
    heard: list[Block] = []
    said: list[Event] = []
    for item in blocks:
        if isinstance(item, kind):
            return item, heard, said
        if not isinstance(item, Sought):
            (heard if isinstance(item, Block) else said).append(item)  # type: ignore[attr-defined]  # either list
    raise AssertionError(f"it ended before {kind.__name__}")


def capture_of(children: Callable[[], set[int]], before: set[int]) -> int:
    (pid,) = children() - before
    return pid


def test_what_the_device_hears_comes_in_blocks_of_20_ms(listen: Callable[..., Any]) -> None:
    microphone, blocks = listen("mic")
    assert microphone.name == "Mic (hw:1,0)"
    assert microphone.live
    for block in islice(blocks, 10):
        assert (len(block.samples), block.lost) == (320, 0)
        assert (block.samples == 100).all()


def test_a_reader_of_hops_is_not_woken_for_each_block(
    listen: Callable[..., Any], sound: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[tuple[int, int]] = []
    reads: list[int] = []

    def want(captured: Captured, hop: int, first: int) -> None:
        wanted.append((hop, first))
        want_before(captured, hop, first)

    def read(captured: Captured, *given: Any) -> bool:
        reads.append(1)
        return read_before(captured, *given)

    want_before, read_before = Captured.want, Captured._read
    monkeypatch.setattr(Captured, "want", want)
    monkeypatch.setattr(Captured, "_read", read)
    _, blocks = listen("mic", hop=1600)
    next(blocks)
    reads.clear()
    heard = list(islice(blocks, 50))
    assert {(len(block.samples), block.lost) for block in heard} == {(320, 0)}
    assert len(reads) < 0.8 * len(heard)
    sound.set("Other")
    until(blocks, DeviceLost)
    sound.set()
    restored, _, _ = until(blocks, DeviceRestored)
    next(blocks)
    assert wanted == [(1600, 0), (1600, restored.at)]


def test_a_device_that_is_not_there_is_refused_at_once(listen: Callable[..., Any]) -> None:
    with pytest.raises(DeviceError, match=r"no input device matches 'kitchen'.*Mic \(hw:1,0\)"):
        listen("kitchen")


def test_a_device_that_cannot_be_opened_at_first_is_no_loss(listen: Callable[..., Any], sound: Sound) -> None:
    _, blocks = listen()
    sound.set("Other")
    with pytest.raises(DeviceError, match="busy"):
        list(blocks)


def test_an_unplugged_device_is_found_again_under_another_number(listen: Callable[..., Any], sound: Sound) -> None:
    for wanted in ("0", "Mic (hw:1,0)", "mic"):
        sound.set("Mic (hw:1,0)")
        _, blocks = listen(wanted)
        first = [next(blocks) for _ in range(5)]
        sound.set("Webcam (hw:0,0)")
        lost, heard, _ = until(blocks, DeviceLost)
        assert lost.at == 320 * (len(first) + len(heard))
        assert "broke off" in lost.reason
        sound.set("Webcam (hw:0,0)", "Mic (hw:2,0)", level=7)
        restored, heard, others = until(blocks, DeviceRestored)
        assert (heard, others) == ([], [])
        assert restored.at == lost.at + restored.samples
        block = next(blocks)
        assert block.lost == restored.samples > 0
        assert (block.samples == 7).all()
        assert next(blocks).lost == 0


def test_what_the_device_drops_is_told_from_what_is_lost_with_it(listen: Callable[..., Any], sound: Sound) -> None:
    _, blocks = listen()
    assert not next(blocks).overflow
    sound.set(overflow=True)
    dropped = next(block for block in blocks if block.overflow)
    assert dropped.lost == 320
    sound.set("Other")
    until(blocks, DeviceLost)
    sound.set()
    until(blocks, DeviceRestored)
    block = next(blocks)
    assert block.lost > 0
    assert not block.overflow


def test_a_stream_that_stops_calling_is_replaced(listen: Callable[..., Any], sound: Sound) -> None:
    _, blocks = listen(patience=Patience(stall_s=0.5, first_pause_s=0.05, last_pause_s=0.2))
    next(blocks)
    sound.set(hangs="reading")
    lost, _, _ = until(blocks, DeviceLost)
    assert "no audio (0.5 s)" in lost.reason
    sound.set()
    assert until(blocks, DeviceRestored)[0].samples > 8000


@pytest.mark.parametrize(("number", "why"), [(signal.SIGSTOP, "no audio"), (signal.SIGKILL, "signal 9")])
def test_capture_that_hangs_or_dies_is_replaced(
    listen: Callable[..., Any], children: Callable[[], set[int]], number: signal.Signals, why: str
) -> None:
    before = children()
    _, blocks = listen()
    next(blocks)
    first = capture_of(children, before)
    os.kill(first, number)
    lost, _, _ = until(blocks, DeviceLost)
    assert why in lost.reason
    until(blocks, DeviceRestored)
    assert capture_of(children, before) != first
    assert isinstance(next(blocks), Block)


def test_each_attempt_that_is_answered_is_told_and_none_that_hangs(listen: Callable[..., Any], sound: Sound) -> None:
    microphone, blocks = listen("mic")
    next(blocks)
    sound.set("Other")
    until(blocks, DeviceLost)
    assert [next(blocks) for _ in range(2)] == [Sought()] * 2
    attempts: list[str] = []
    begin = microphone._start

    def start(known: str) -> Any:
        attempts.append(known)
        if len(attempts) == 3:
            sound.set()
            microphone._patience = QUICK
        return begin(known)

    microphone._start = start
    sound.set("Other", hangs="probing")
    microphone._patience = replace(QUICK, start_s=1.0)
    assert list(takewhile(lambda item: not isinstance(item, DeviceRestored), blocks)) == []
    assert attempts == ["Mic (hw:1,0)"] * 3


def test_probing_that_hangs_is_tried_again(listen: Callable[..., Any], sound: Sound) -> None:
    _, blocks = listen(patience=Patience(start_s=15.0, stall_s=0.5, first_pause_s=0.05, last_pause_s=0.2))
    next(blocks)
    blocks_before = blocks
    sound.set(hangs="probing")  # streams that are open go on; so end this one
    sound.set("Other", hangs="probing")
    until(blocks_before, DeviceLost)
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(until(blocks, DeviceRestored)))
    waiting.start()
    sound.set()
    waiting.join(PATIENCE_S)
    assert found


def test_after_a_suspend_it_starts_on_fresh_audio(listen: Callable[..., Any], children: Callable[[], set[int]]) -> None:
    slept = [0.0]
    times = count()

    def clocks() -> tuple[float, float]:
        return 1000 + 0.02 * next(times) + slept[0], slept[0]

    before = children()
    _, blocks = listen(clocks=clocks)
    for _ in range(5):
        next(blocks)
    first = capture_of(children, before)
    slept[0] = 3600.0
    lost, heard, _ = until(blocks, DeviceLost)
    assert heard == []
    assert lost.reason == "the machine slept for 3600 s"
    restored, _, _ = until(blocks, DeviceRestored)
    assert restored.samples == pytest.approx(3600 * 16_000, abs=16_000)
    assert capture_of(children, before) != first


def test_zeros_for_a_while_are_told_once_and_once_more_when_they_end(listen: Callable[..., Any], sound: Sound) -> None:
    sound.set(level=0)
    _, blocks = listen(silence_s=1.0)
    silent, heard, _ = until(blocks, DeviceSilent)
    assert (silent.at, silent.samples, len(heard)) == (16_000, 16_000, 49)  # told before the block that it comes with
    assert [type(next(blocks)) for _ in range(60)] == [Block] * 60
    sound.set(level=1)
    audible, heard, others = until(blocks, DeviceAudible)
    assert others == []
    assert audible.samples == audible.at >= 16_000 + 60 * 320 - 320
    assert {type(item) for item in islice(blocks, 60)} == {Block}


@pytest.mark.parametrize("hangs", ["", "reading", "probing"])
def test_close_ends_it_whatever_it_waits_for(listen: Callable[..., Any], sound: Sound, hangs: str) -> None:
    microphone, blocks = listen(patience=Patience(open_s=100.0, stall_s=100.0, first_pause_s=100.0))
    next(blocks)
    if hangs == "probing":
        sound.set("Other")  # lost, and waiting for the next attempt
    else:
        sound.set(hangs=hangs)
    seen: list[Any] = []
    reader = threading.Thread(target=lambda: seen.extend(blocks))
    reader.start()
    microphone.close()
    reader.join(PATIENCE_S)
    assert not reader.is_alive()


def test_closed_before_it_was_read(listen: Callable[..., Any]) -> None:
    microphone, blocks = listen()
    microphone.close()
    microphone.close()
    assert list(blocks) == []


PARENT = """
import os, sys, threading
from kwsd.audio.persistent import PersistentMicrophone
microphone = PersistentMicrophone()
for number, block in enumerate(microphone.blocks()):
    if number == 3:
        print(microphone._captured.pid, flush=True)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_capture_dies_with_a_daemon_that_is_killed(sound: Sound, tmp_path: Path, stopped: bool) -> None:
    assert sound
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=env) as parent:
        assert parent.stdout
        capture = int(parent.stdout.readline())
        descriptor = os.pidfd_open(capture)
        if stopped:  # it reads no end of file then
            os.kill(capture, signal.SIGSTOP)
        parent.kill()
    try:
        assert select.select([descriptor], [], [], PATIENCE_S)[0]
    finally:
        os.close(descriptor)


def test_capture_imports_neither_torch_nor_the_command_line(sound: Sound, listen: Callable[..., Any]) -> None:
    assert sound
    microphone, blocks = listen()
    next(blocks)
    maps = Path(f"/proc/{microphone._captured.pid}/maps").read_text()
    assert "numpy" in maps
    assert "torch" not in maps
    program = (
        "import sys, kwsd.audio.capturing; print({'torch', 'typer', 'transformers', 'soundfile'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.stdout == "set()\n", done.stderr

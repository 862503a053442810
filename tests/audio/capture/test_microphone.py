"""What a microphone hears that is there, and how it is closed.

The process that captures is a real one; PortAudio in it is a fake whose devices the tests plug and unplug.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from kwsd.audio.capture.timeouts import CaptureTimeouts
from kwsd.audio.source import Block
from kwsd.audio.wake_schedule import WakeSchedule
from kwsd.errors import DeviceError
from kwsd.events import DeviceAudible, DeviceSilent


def test_what_the_device_hears_comes_in_blocks_of_20_ms(listen: Callable[..., Any]) -> None:
    microphone, blocks = listen("mic")
    assert microphone.name == "Mic (hw:1,0)"
    assert microphone.live
    for block in islice(blocks, 10):
        assert (len(block.samples), block.lost) == (320, 0)
        assert (block.samples == 100).all()


def test_a_device_that_is_not_there_is_refused_at_once(listen: Callable[..., Any]) -> None:
    with pytest.raises(DeviceError, match=r"no input device matches 'kitchen'.*Mic \(hw:1,0\)"):
        listen("kitchen")


def test_a_sound_server_that_gives_no_answer_is_named_with_what_to_do(listen: Callable[..., Any], sound: Any) -> None:
    sound.set(hangs="probing")
    says = r"^the capture process does not answer \(0\.01 s\): does the sound server hang\? restart it$"
    with pytest.raises(DeviceError, match=says):
        listen(timeouts=CaptureTimeouts(start_s=0.01))


def test_the_caller_need_not_wait_for_the_search(
    listen: Callable[..., Any], sound: Any, children: Callable[[], set[int]]
) -> None:
    before, searching = children(), set[int]()
    sound.set(hangs="probing")

    def meanwhile() -> None:
        searching.update(children() - before)
        sound.set()

    microphone, _ = listen(meanwhile=meanwhile)
    assert microphone.name == "Mic (hw:1,0)"
    assert len(searching) == 1


def test_the_search_starts_before_numpy_is_imported() -> None:
    program = "import sys; from kwsd.audio.capture.microphone import Microphone; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_device_that_cannot_be_opened_at_first_is_no_loss(listen: Callable[..., Any], sound: Any) -> None:
    _, blocks = listen()
    sound.set("Other")
    with pytest.raises(DeviceError, match="busy"):
        list(blocks)


def test_zeros_for_a_while_are_told_once_and_once_more_when_they_end(listen: Callable[..., Any], sound: Any) -> None:
    sound.set(level=0)
    _, blocks = listen(silence_s=1.0)
    silent, heard, _ = blocks.until(DeviceSilent)
    assert (silent.at, silent.samples, len(heard)) == (16_000, 16_000, 49)  # told before the block that it comes with
    assert [type(next(blocks)) for _ in range(60)] == [Block] * 60
    sound.set(level=1, hums=True)
    audible, heard, others = blocks.until(DeviceAudible)
    assert others == []
    assert audible.samples == audible.at >= 16_000 + 60 * 320 - 320
    assert {type(item) for item in islice(blocks, 60)} == {Block}


@pytest.mark.parametrize("hangs", ["", "reading", "probing"])
def test_close_ends_it_whatever_it_waits_for(listen: Callable[..., Any], sound: Any, hangs: str) -> None:
    microphone, blocks = listen(timeouts=CaptureTimeouts(open_s=100.0, stall_s=100.0, first_pause_s=100.0))
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
from kwsd.audio.capture.microphone import Microphone
microphone = Microphone()
for number, block in enumerate(microphone.blocks()):
    if number == 3:
        print(microphone._capture.pid, flush=True)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_capture_dies_with_a_daemon_that_is_killed(sound: Any, tmp_path: Path, stopped: bool) -> None:
    assert sound
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=env) as parent:
        try:
            assert parent.stdout
            capture = int(parent.stdout.readline())
            descriptor = os.pidfd_open(capture)
            if stopped:  # it reads no end of file then
                os.kill(capture, signal.SIGSTOP)
        finally:
            parent.kill()
    try:
        assert select.select([descriptor], [], [], PATIENCE_S)[0]
    finally:
        os.close(descriptor)


def test_capture_imports_no_more_than_it_needs(sound: Any, listen: Callable[..., Any]) -> None:
    assert sound
    microphone, blocks = listen()
    next(blocks)
    maps = Path(f"/proc/{microphone._capture.pid}/maps").read_text()
    assert "numpy" not in maps
    assert "torch" not in maps
    heavy = "{'numpy', 'torch', 'typer', 'transformers', 'soundfile'}"
    program = f"import sys, kwsd.audio.capture.process; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, timeout=PATIENCE_S
    )
    assert done.stdout == "set()\n", done.stderr


def test_a_device_of_another_rate_is_resampled_where_it_is_captured(sound: Any, listen: Callable[..., Any]) -> None:
    sound.set(rate=48_000)
    microphone, blocks = listen(schedule=WakeSchedule(1600))
    heard = list(islice(blocks, 100))
    assert 30_000 < sum(len(block.samples) for block in heard) <= 32_000  # two seconds, in blocks of 20 ms
    assert (np.concatenate([block.samples for block in heard])[-1000:] == 100).all()
    assert "numpy" in Path(f"/proc/{microphone._capture.pid}/maps").read_text()

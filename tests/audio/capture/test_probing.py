"""The microphones, listed by another process, whatever becomes of that one."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE_S

from kwsd.audio.capture.devices import InputDevice
from kwsd.audio.capture.probing import probed_devices
from kwsd.errors import DeviceError

Sounddevice = Callable[[str], None]

LISTING = """
class PortAudioError(Exception): pass
class default: device = (0, -1)
def query_hostapis(): return ({'name': 'ALSA', 'default_input_device': 0},)
def query_devices(): return [
    {'name': '麦克风', 'hostapi': 0, 'max_input_channels': 1, 'default_samplerate': 16000.0}
]
"""


@pytest.fixture
def sounddevice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sounddevice:
    """Puts one of the given text on the path."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("kwsd.audio.capture.outcome._REAP_S", PATIENCE_S)  # a busy machine is slow in killing, too

    def put(text: str) -> None:
        (tmp_path / "sounddevice.py").write_text(text, encoding="utf-8")

    return put


def test_what_it_finds_is_given(sounddevice: Sounddevice) -> None:
    sounddevice(LISTING)
    assert probed_devices() == [InputDevice(0, "麦克风", "ALSA", 1, 16_000.0, is_default=True)]


def test_what_a_library_prints_is_no_part_of_the_list(sounddevice: Sounddevice) -> None:
    sounddevice("import os; os.write(1, b'jack\\n'); os.write(2, b'jack\\n')\n" + LISTING)
    assert len(probed_devices()) == 1


def test_a_device_that_is_left_out_is_told(sounddevice: Sounddevice, caplog: pytest.LogCaptureFixture) -> None:
    text = LISTING.replace("'ALSA',", "'ALSA', 'devices': [0, 1],").replace("query_devices()", "_listed()")
    sounddevice(text + "def query_devices(index=None): return _listed()[0] if index == 0 else b'L\\xe4rm'.decode()")
    assert [device.index for device in probed_devices()] == [0]
    assert r"its name is not UTF-8: b'L\xe4rm'" in caplog.text


def test_what_a_library_leaves_running_is_not_waited_for(
    sounddevice: Sounddevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it holds the descriptors, too."""
    os.mkfifo(tmp_path / "end")
    left = ["sh", "-c", f"read line <{tmp_path / 'end'}"]
    sounddevice(f"import subprocess; subprocess.Popen({left})\n" + LISTING)
    monkeypatch.setattr("kwsd.audio.capture.probing.LIMIT_S", PATIENCE_S)
    with os.fdopen(os.open(tmp_path / "end", os.O_RDWR)):  # until this is closed, it runs
        assert len(probed_devices()) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import os; os.abort()", r"cannot be listed \(signal 6\): is ALSA's configuration whole"),
        ("raise OSError('PortAudio library not found')", "PortAudio is missing: apt install libportaudio2"),
        ("import os; os._exit(3)", r"cannot be listed \(exit status 3\)$"),
        (
            LISTING + "def query_devices(): raise OSError(5, 'Input/output error')",
            r"listed \(OSError: \[Errno 5\] Input",
        ),
    ],
)
def test_its_end_is_told(sounddevice: Sounddevice, text: str, says: str) -> None:
    sounddevice(text)
    with pytest.raises(DeviceError, match=says):
        probed_devices()


def test_one_that_hangs_is_ended(sounddevice: Sounddevice, monkeypatch: pytest.MonkeyPatch) -> None:
    sounddevice("import time; time.sleep(3600)")
    monkeypatch.setattr("kwsd.audio.capture.probing.LIMIT_S", 0.3)
    with pytest.raises(DeviceError, match=r"no list of microphones in 0\.3 s; does the sound server hang"):
        probed_devices()


def test_one_that_cannot_be_killed_is_left_behind(
    sounddevice: Sounddevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "driver")
    sounddevice(f"open({str(tmp_path / 'driver')!r}).read()")
    left: list[subprocess.Popen[bytes]] = []
    refused: list[DeviceError] = []

    def probe() -> None:
        with pytest.raises(DeviceError, match=r"no list of microphones in 0\.3 s") as caught:
            probed_devices()
        refused.append(caught.value)

    monkeypatch.setattr("kwsd.audio.capture.probing.LIMIT_S", 0.3)
    monkeypatch.setattr("kwsd.audio.capture.outcome._REAP_S", 0.0)
    monkeypatch.setattr("subprocess.Popen.kill", lambda process: left.append(process))
    asking = threading.Thread(target=probe, daemon=True)
    with os.fdopen(os.open(tmp_path / "driver", os.O_RDWR)):  # until this is closed, it hangs
        asking.start()
        asking.join(PATIENCE_S)
        assert len(refused) == 1
    left[0].wait(PATIENCE_S)

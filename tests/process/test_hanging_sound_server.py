"""What can be asked of kwsd while the sound server gives no answer."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from processes import Running

from kwsd.cli.microphones import _WAITING

PROBING = """
import ctypes, os
asked = os.open(os.environ["XDG_KWSD_ASKED"], os.O_WRONLY)
os.write(asked, b"x")
if "XDG_KWSD_IN_C" in os.environ:
    lock = ctypes.create_string_buffer(256)
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(lock)  # no signal ends the second one, and no handler runs meanwhile
os.read(os.open(os.environ["XDG_KWSD_ANSWER"], os.O_RDONLY), 1)
class PortAudioError(Exception): pass
class default: device = (0, -1)
def query_hostapis(): return ({'name': 'ALSA', 'default_input_device': 0},)
def query_devices(): return [
    {'name': 'USB', 'hostapi': 0, 'max_input_channels': 1, 'default_samplerate': 16000.0}
]
"""
"""A sounddevice that says when it is asked, and answers when it is told to."""


class SoundServer:
    """One that hangs until it is told to go on."""

    def __init__(self, folder: Path) -> None:
        (folder / "sounddevice.py").write_text(PROBING)
        self._asked, self._answer = folder / "asked", folder / "answer"
        for pipe in (self._asked, self._answer):
            os.mkfifo(pipe)
        self._asking = os.open(self._asked, os.O_RDONLY | os.O_NONBLOCK)
        self._answering = os.open(self._answer, os.O_RDWR)
        path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.env = {
            "PYTHONPATH": os.pathsep.join(path),
            "XDG_KWSD_ASKED": str(self._asked),
            "XDG_KWSD_ANSWER": str(self._answer),
        }

    def wait_until_asked(self) -> None:
        poll = select.poll()
        poll.register(self._asking, select.POLLIN)
        assert poll.poll(1000 * PATIENCE_S)

    def answer(self) -> None:
        os.write(self._answering, b"x")

    def close(self) -> None:
        os.close(self._asking)
        os.close(self._answering)


@pytest.fixture
def sound_server(tmp_path: Path) -> Iterator[SoundServer]:
    server = SoundServer(tmp_path)
    yield server
    server.close()


def test_a_sighup_meanwhile_is_a_reload_once_the_daemon_runs(
    user: Any, sound_server: SoundServer, tmp_path: Path
) -> None:
    config = tmp_path / "kwsd.toml"
    config.write_text("[trigger]\nwords = ['yes']\n")
    command = user.command("listen", "--config", config, "--log-level", "info")
    with ExitStack() as stack:
        running = Running(["setsid", *command], user.env | sound_server.env)  # a terminal could hang up
        stack.callback(running.kill)
        sound_server.wait_until_asked()
        config.write_text("[trigger]\nwords = ['no']\n")
        running.signal(signal.SIGHUP)
        sound_server.answer()
        running.wait_for_log("the configuration has been read again")


@pytest.mark.parametrize("command", ["devices", "doctor"])
def test_ctrl_c_ends_a_command_that_waits_for_it(user: Any, sound_server: SoundServer, command: str) -> None:
    with ExitStack() as stack:
        running = user.start(command, **sound_server.env, XDG_KWSD_IN_C="yes")
        stack.callback(running.kill)
        sound_server.wait_until_asked()
        running.signal(signal.SIGINT)
        ran = running.wait()
    assert ran.status == -signal.SIGINT  # 130 for a shell
    assert ran.err.encode() in (b"", _WAITING)  # it may have been asked long ago

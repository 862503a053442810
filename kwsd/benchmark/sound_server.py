"""A microphone without hardware: a PulseAudio server of its own, whose null sink a daemon hears through PortAudio."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.errors import DeviceError
from kwsd.events import RATE

DEVICE = "kwsd_bench"
"""The microphone's name to PortAudio."""

SINK = "kwsd"
"""What is to be played into, to the server."""

_PATIENCE_S = 30.0
_STARTED = "Daemon startup complete"
_TOOLS = {"pulseaudio": "pulseaudio", "pactl": "pulseaudio-utils", "pacat": "pulseaudio-utils"}
_CLOCK = re.compile(rb"Time: (\d+\.\d+) sec")
_BLOCK = re.compile(r"configured (\d+) usec")
_AWAKE_MS = 50
_TIED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
os.getppid() == int(sys.argv[1]) or os._exit(0)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """The command, so that it is killed with the thread that starts it: whatever ends us, it does not live on."""
    return [sys.executable, "-I", "-S", "-c", _TIED, f"{os.getpid()}", *command]


def check_tools() -> None:
    """Raise DeviceError, with what to install, where there can be no virtual microphone."""
    lacking = {tool: package for tool, package in _TOOLS.items() if shutil.which(tool) is None}
    if lacking:
        packages = " ".join(dict.fromkeys(lacking.values()))
        raise DeviceError(
            f"no virtual microphone without {', '.join(lacking)}: apt install {packages} libasound2-plugins"
        )


@dataclass(frozen=True)
class VirtualMicrophone:
    """`env` is for a process that shall hear it, as the microphone DEVICE; its XDG_RUNTIME_DIR is private as well."""

    folder: Path
    env: dict[str, str]

    @contextmanager
    def play(self, samples: NDArray[np.int16]) -> Iterator[Playing]:
        """Let the server play (n,) samples at 16 kHz, until the end or the end of the block."""
        raw = self.folder / "played.raw"
        raw.write_bytes(samples.astype("<i2").tobytes())
        with self._playing(str(raw)) as playing:
            yield playing

    @contextmanager
    def awake(self) -> Iterator[Callable[[], None]]:
        """Have the server mix in short blocks, as a sound card does, until the end or until what it gives is called.

        While nobody asks for more it mixes two seconds at once, and who begins to listen waits for the rest of them.

        Raises DeviceError where it does not play.
        """
        with self._playing(f"--latency-msec={_AWAKE_MS}", "/dev/zero") as playing:
            _ = playing.started  # by then what it had mixed is played
            yield playing.stop

    @contextmanager
    def _playing(self, *arguments: str) -> Iterator[Playing]:
        command = ["pacat", "--playback", "--verbose", f"--device={SINK}", "--raw", "--format=s16le"]
        command += [f"--rate={RATE}", "--channels=1", *arguments]
        playing = Playing(_started(command, self.env))
        try:
            yield playing
        finally:
            playing.stop()

    def block_s(self) -> float:
        """How far ahead of its own clock the server mixes now, and gives what it mixed to the microphone.

        Raises DeviceError where it does not say.
        """
        command = ["pactl", "list", "sinks"]
        try:
            told = subprocess.run(
                command, env=self.env, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise DeviceError(f"the sound server does not tell its latency: {error}") from error
        found = _BLOCK.search(told)
        if not found:
            raise DeviceError("the sound server does not tell its latency: pactl list sinks")
        return int(found[1]) / 1e6


class Playing:
    """What plays, by the server's own clock, which pacat tells twenty times a second."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._started: float | None = None
        self._told = threading.Event()
        self._last = b""
        self._reader = threading.Thread(target=self._read, name="bench-clock")
        self._reader.start()

    @property
    def started(self) -> float:
        """When the server played the first sample, by the monotonic clock. Raises DeviceError where it never did."""
        if not self._told.wait(_PATIENCE_S) or self._started is None:
            raise DeviceError(f"the sound server plays nothing: {self._last.decode(errors='replace').strip()}")
        return self._started

    def wait_until(self, sample: int) -> None:
        """Wait until the server has played so many samples. Raises DeviceError where it does not."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, self.started + sample / RATE - time.monotonic()))
        if self._process.returncode:
            raise DeviceError(f"the sound server stopped playing: {self._last.decode(errors='replace').strip()}")

    def stop(self) -> None:
        """End it, if it has not ended by itself. Called again it does nothing."""
        _end(self._process)
        self._reader.join()
        assert self._process.stderr
        self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr
        while data := os.read(self._process.stderr.fileno(), 4096):
            now = time.monotonic()
            for told in _CLOCK.finditer(data):
                if float(told[1]) > 0:  # zero until it plays
                    began = now - float(told[1])  # too late where we were kept from reading, so the earliest is right
                    self._started = began if self._started is None else min(began, self._started)
                    self._told.set()
            self._last = data
        self._told.set()


@contextmanager
def virtual_microphone(*, default: bool = False) -> Iterator[VirtualMicrophone]:
    """A server of our own with one null sink, in a folder of its own; a server that the user has is never asked.

    With `default` it is also the default microphone of whoever has `env`. Raises DeviceError: the tools are not
    installed, or the server does not start.
    """
    check_tools()
    # A socket's path holds 107 bytes: not below a TMPDIR of any length.
    with tempfile.TemporaryDirectory(prefix="kwsd-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        env = _environment(folder, default=default)
        with _server(folder, env):
            yield VirtualMicrophone(folder, env)


def _environment(folder: Path, *, default: bool) -> dict[str, str]:
    """Our own environment, with sound and run-time files led into `folder`."""
    alsa = folder / "alsa.conf"
    pulse = f'type pulse server "unix:{folder}/native" device {SINK}.monitor'
    lines = ["</usr/share/alsa/alsa.conf>", f"pcm.{DEVICE} {{ {pulse} hint.show on }}"]
    if default:
        lines += [f"pcm.!default {{ {pulse} }}", "ctl.!default { type pulse }"]
    alsa.write_text("\n".join(lines) + "\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "ALSA_"))}
    return env | {
        "XDG_RUNTIME_DIR": str(folder),
        "ALSA_CONFIG_PATH": str(alsa),
        "PULSE_SERVER": f"unix:{folder}/native",
        "PULSE_COOKIE": str(folder / "cookie"),
        "LC_ALL": "C",  # what pacat and pactl say is read
    }


@contextmanager
def _server(folder: Path, env: dict[str, str]) -> Iterator[None]:
    own = {name: value for name, value in env.items() if name != "PULSE_SERVER"} | {
        "HOME": str(folder),
        "PULSE_RUNTIME_PATH": str(folder / "pulse"),
        "PULSE_STATE_PATH": str(folder / "state"),
    }
    command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
    command += ["--log-target=stderr", "--log-level=info", "--log-time=no"]
    command += [f"--load=module-native-protocol-unix auth-anonymous=1 socket={folder}/native"]
    command += [f"--load=module-null-sink sink_name={SINK} rate={RATE} channels=1"]
    process = _started(command, own)
    answered, lines = threading.Event(), deque[str](maxlen=20)

    def read() -> None:
        """Keep the log flowing; its end also counts as an answer."""
        for line in process.stderr or ():
            lines.append(line.decode(errors="replace").strip())
            if _STARTED in lines[-1]:
                answered.set()
        answered.set()

    reader = threading.Thread(target=read, name="bench-sound-server")
    reader.start()
    try:
        if not answered.wait(_PATIENCE_S) or not any(_STARTED in line for line in list(lines)):
            why = next((line for line in reversed(list(lines)) if line.startswith("E:")), "it says nothing")
            raise DeviceError(f"pulseaudio does not start: {why}")
        yield
    finally:
        _end(process)
        reader.join()
        assert process.stderr
        process.stderr.close()


def _started(command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """It reads and prints nothing; its log is a pipe."""
    nothing = subprocess.DEVNULL
    return subprocess.Popen(tied(command), env=env, stdin=nothing, stdout=nothing, stderr=subprocess.PIPE)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_S)
    process.kill()
    process.wait()

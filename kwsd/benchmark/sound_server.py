"""A microphone without hardware: a PulseAudio server of its own, whose null sink a daemon hears through PortAudio."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.benchmark.children import PATIENCE_S, begun, end
from kwsd.benchmark.playing import Playing
from kwsd.errors import DeviceError
from kwsd.samples import RATE

DEVICE = "kwsd_bench"
"""The microphone's name to PortAudio."""

SINK = "kwsd"
"""What is to be played into, to the server."""

_STARTED = "Daemon startup complete"
_TOOLS = {"pulseaudio": "pulseaudio", "pactl": "pulseaudio-utils", "pacat": "pulseaudio-utils"}
_BLOCK = re.compile(r"configured (\d+) usec")
_AWAKE_MS = 50


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
        playing = Playing(begun(command, self.env))
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
                command, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise DeviceError(f"the sound server does not tell its latency: {error}") from error
        found = _BLOCK.search(told)
        if not found:
            raise DeviceError("the sound server does not tell its latency: pactl list sinks")
        return int(found[1]) / 1e6


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
    process = begun(command, own)
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
        if not answered.wait(PATIENCE_S) or not any(_STARTED in line for line in list(lines)):
            why = next((line for line in reversed(list(lines)) if line.startswith("E:")), "it says nothing")
            raise DeviceError(f"pulseaudio does not start: {why}")
        yield
    finally:
        end(process)
        reader.join()
        assert process.stderr
        process.stderr.close()

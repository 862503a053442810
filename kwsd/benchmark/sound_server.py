"""A virtual microphone: a private PulseAudio server, whose null sink a daemon hears through PortAudio."""

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
"""The microphone's name in PortAudio."""

SINK = "kwsd"
"""The name, in the server, of the sink to play into."""

_STARTED = "Daemon startup complete"
_TOOLS = {"pulseaudio": "pulseaudio", "pactl": "pulseaudio-utils", "pacat": "pulseaudio-utils"}
_BLOCK = re.compile(r"configured (\d+) usec")
_AWAKE_MS = 50


def check_tools() -> None:
    """Raise DeviceError, which says what to install, if a tool for the virtual microphone is missing."""
    lacking = {tool: package for tool, package in _TOOLS.items() if shutil.which(tool) is None}
    if lacking:
        packages = " ".join(dict.fromkeys(lacking.values()))
        raise DeviceError(
            f"no virtual microphone without {', '.join(lacking)}: apt install {packages} libasound2-plugins"
        )


@dataclass(frozen=True)
class VirtualMicrophone:
    """The microphone DEVICE of a process that runs with the environment `env`; its XDG_RUNTIME_DIR is private, too."""

    folder: Path
    env: dict[str, str]

    @contextmanager
    def play(self, samples: NDArray[np.int16]) -> Iterator[Playing]:
        """Let the server play (n,) samples at 16 kHz, until their end or the end of the with block."""
        raw = self.folder / "played.raw"
        raw.write_bytes(samples.astype("<i2").tobytes())
        with self._playing(str(raw)) as playing:
            yield playing

    @contextmanager
    def awake(self) -> Iterator[Callable[[], None]]:
        """Make the server mix in short blocks, as a sound card does, until the yielded function is called or the end.

        Without a client that needs low latency, it mixes two seconds at once, and a new listener waits for their end.

        Raises DeviceError if it does not play.
        """
        with self._playing(f"--latency-msec={_AWAKE_MS}", "/dev/zero") as playing:
            _ = playing.started  # waits until the audio that was mixed before is played
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
        """Seconds by which the server now mixes, and hands over to the microphone, ahead of its playback clock.

        Raises DeviceError if the server does not report it.
        """
        command = ["pactl", "list", "sinks"]
        try:
            told = subprocess.run(
                command, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise DeviceError(f"the sound server does not report its latency: {error}") from error
        found = _BLOCK.search(told)
        if not found:
            raise DeviceError("the sound server does not report its latency: pactl list sinks")
        return int(found[1]) / 1e6


@contextmanager
def virtual_microphone(*, default: bool = False) -> Iterator[VirtualMicrophone]:
    """A private server with one null sink, in a folder of its own; the user's own server is never contacted.

    With `default` it is also the default microphone of processes with `env`. Raises DeviceError if the tools are not
    installed, or the server does not start.
    """
    check_tools()
    # In /tmp, as a socket's path may have only 107 bytes, and TMPDIR may be long.
    with tempfile.TemporaryDirectory(prefix="kwsd-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        env = _environment(folder, default=default)
        with _server(folder, env):
            yield VirtualMicrophone(folder, env)


def _environment(folder: Path, *, default: bool) -> dict[str, str]:
    """This process's environment, with sound and runtime files redirected into `folder`."""
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
        "LC_ALL": "C",  # the output of pacat and pactl is parsed
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
        """Drain the log; its end also counts as an answer."""
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

"""Faults are injected into the real process. Its sound comes from a PulseAudio server that each test may break."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from patience import PATIENCE_S
from processes import Running

SOUND = ("XDG_RUNTIME_DIR", "ALSA_CONFIG_PATH", "PULSE_SERVER", "PULSE_COOKIE")


class SoundServer:
    """A private PulseAudio server, which can be killed and started again, and whose microphones can be unplugged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        alsa = folder / "alsa.conf"
        alsa.write_text(
            "</usr/share/alsa/alsa.conf>\n"
            "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
            "pcm.headset { type pulse device headset.monitor hint.show on }\n"
        )
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "ALSA_"))}
        self.env = inherited | {
            "XDG_RUNTIME_DIR": str(folder),
            "ALSA_CONFIG_PATH": str(alsa),
            "PULSE_SERVER": f"unix:{folder}/native",
            "PULSE_COOKIE": str(folder / "cookie"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *sinks: str) -> None:
        """Start it with null sinks, whose monitors are the microphones."""
        own = {name: value for name, value in self.env.items() if name != "PULSE_SERVER"} | {
            "HOME": str(self.folder),
            "PULSE_RUNTIME_PATH": str(self.folder / "pulse"),
            "PULSE_STATE_PATH": str(self.folder / "state"),
        }
        command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
        command += [f"--load=module-native-protocol-unix auth-anonymous=1 socket={self.folder}/native"]
        self._process = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while self._pactl("info", check=False).returncode:
            assert time.monotonic() < deadline, "pulseaudio does not start"
        for sink in sinks:
            self.plug(sink)

    def plug(self, sink: str) -> None:
        """A microphone appears, and becomes the default one.

        Without rewinds it hands over short blocks, as a sound card does. Else each listener waits two seconds for one.
        """
        self._pactl("load-module", "module-null-sink", f"sink_name={sink}", "rate=16000", "channels=1", "norewinds=1")
        self._pactl("set-default-source", f"{sink}.monitor")

    def unplug(self) -> None:
        """All microphones disappear."""
        self._pactl("unload-module", "module-null-sink")

    def say(self, path: Path, sink: str = "headset") -> None:
        """Play a recording to a microphone; returns when the server has taken it."""
        subprocess.run(self.saying(path, sink), env=self.env, check=True, timeout=PATIENCE_S)

    @staticmethod
    def saying(path: Path, sink: str = "headset") -> list[str]:
        """The command that does it."""
        return ["paplay", f"--device={sink}", str(path)]

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _pactl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["pactl", *arguments], env=self.env, check=check, capture_output=True, timeout=PATIENCE_S)


@pytest.fixture
def sound_server(sound_tools: None) -> Iterator[SoundServer]:  # noqa: ARG001  # it skips
    """A running server with one microphone, "headset", where there can be one."""
    with tempfile.TemporaryDirectory(prefix="kwsd-", ignore_cleanup_errors=True) as folder:
        server = SoundServer(Path(folder))
        try:
            server.start("headset")
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def word(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the classifier of `daemon.py` hears as one "yes": half a second of noise, in silence."""
    samples = np.zeros(24_000)
    samples[8_000:16_000] = np.random.default_rng(1).normal(0, 0.25, 8_000).clip(-1, 1)
    path = tmp_path_factory.mktemp("sound") / "word.wav"
    soundfile.write(path, samples, 16_000)
    return path


class Daemon(Running):
    """A daemon that runs, with the processes below it."""

    def capture(self) -> int:
        """The process that captures now; waits for one."""
        return int(self.wait_for(lambda: next((pid for pid in self._children() if _captures(pid)), 0)))

    def figures(self) -> tuple[int, int]:
        """How many threads and file descriptors it has."""
        process = Path(f"/proc/{self.process.pid}")
        return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))

    def _children(self) -> list[int]:
        own = Path(f"/proc/{self.process.pid}/task")
        found: list[int] = []
        for task in own.iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
        return found


def _captures(pid: int) -> bool:
    with suppress(OSError):
        return b"kwsd.audio.capture.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@pytest.fixture
def start(user: Any) -> Iterator[Callable[..., Daemon]]:
    """Starts `kwsd listen` with the fake classifier; what still runs after the test is killed."""
    with ExitStack() as stack:

        def begin(
            *arguments: object, env: dict[str, str] | None = None, command: list[str] | None = None, **options: Any
        ) -> Daemon:
            command = command or [sys.executable, str(Path(__file__).with_name("daemon.py")), *map(str, arguments)]
            running = Daemon(command, user.env | (env or {}), **options)
            stack.callback(running.kill)
            return running

        yield begin


@pytest.fixture
def listening(start: Callable[..., Daemon], sound_server: SoundServer) -> Callable[..., Daemon]:
    """Starts a daemon at the server's microphone and waits until it hears; all its events are on standard output."""

    def begin(*arguments: object, **env: str) -> Daemon:
        settings = ("--no-gate", "--format", "json", "--events", "all")
        sound = {name: sound_server.env[name] for name in SOUND}
        running = start("listen", *settings, *arguments, env=sound | env)
        running.wait_for_event("ready")
        return running

    return begin


class Saying:
    """Says the word again and again, until what is waited for has come: nobody knows when a microphone is back."""

    def __init__(self, server: SoundServer, word: Path) -> None:
        self._server, self._word = server, word

    def until(self, running: Daemon, kind: str, count: int = 1) -> dict[str, Any]:
        """The `count`th event of a type."""
        done = threading.Event()

        def repeat() -> None:
            while not done.is_set():
                with subprocess.Popen(self._server.saying(self._word), env=self._server.env) as speaking:
                    while speaking.poll() is None and not done.wait(0.02):
                        pass
                    speaking.terminate()  # what was waited for has come

        speaker = threading.Thread(target=repeat)
        speaker.start()
        try:
            return json.loads(json.dumps(running.wait_for_event(kind, count)))  # type: ignore[no-any-return]  # JSON
        finally:
            done.set()
            speaker.join()


@pytest.fixture
def saying(sound_server: SoundServer, word: Path) -> Saying:
    """Somebody who says the word until it is heard."""
    return Saying(sound_server, word)

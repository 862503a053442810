"""The real program, in processes of its own, of which nothing may be left behind."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

PATIENCE_S = 120.0
"""How long anything at all may take; a machine that is busy with other things is slow, not wrong."""
TOKEN = "XDG_KWSD_TESTS_TOKEN"
"""Marks a program and whatever it starts, so that what it leaves behind is found; hooks inherit all of XDG."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """How a program ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def events(self) -> list[Event]:
        """Standard output, line by line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self) -> list[str]:
        """The lines that are neither log nor chatter."""
        return [line for line in self.err.splitlines() if line.startswith("kwsd: error: ")]


class Running:
    """A program that runs. Its output is read by threads, so that it never waits for us."""

    def __init__(self, command: list[str], env: Mapping[str, str], *, read_stdout: bool = True) -> None:
        self._token = uuid.uuid4().hex
        self.process = subprocess.Popen(
            command,
            env={**env, TOKEN: self._token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._said: queue.SimpleQueue[None] = queue.SimpleQueue()
        streams = [(self.process.stdout, self.out), (self.process.stderr, self.err)][not read_stdout :]
        self._readers = [threading.Thread(target=self._read, args=stream) for stream in streams]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes], lines: list[str]) -> None:
        for line in stream:
            lines.append(line.decode())
            self._said.put(None)
        self._said.put(None)

    def wait_for(self, done: Callable[[], Any]) -> Any:
        """What `done` gives as soon as that is true; it is asked again whenever the program has said something."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := done()):
            if not any(reader.is_alive() for reader in self._readers) and not (found := done()):
                pytest.fail(f"it ended before that: {self.process.wait()}\n{self.said()}")
            if found:
                break
            with suppress(queue.Empty):
                self._said.get(timeout=max(0.0, min(1.0, deadline - time.monotonic())))
            if time.monotonic() > deadline:
                pytest.fail(f"never happened:\n{self.said()}")
        return found

    def wait_for_log(self, part: str) -> None:
        """Wait until a line on standard error holds `part`."""
        self.wait_for(lambda: any(part in line for line in list(self.err)))

    def wait_for_event(self, kind: str, count: int = 1) -> Event:
        """Wait for the `count`th event of a type on standard output."""
        found = self.wait_for(lambda: [event for event in self.events() if event["type"] == kind][count - 1 :])
        return found[0]  # type: ignore[no-any-return]  # JSON

    def events(self) -> list[Event]:
        """What came on standard output so far."""
        return [json.loads(line) for line in list(self.out)]

    def write(self, data: bytes) -> None:
        """Give it samples; it reads them or does not."""
        assert self.process.stdin
        with suppress(BrokenPipeError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def end(self) -> Ran:
        """Close its standard input and wait for its end."""
        assert self.process.stdin
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> Ran:
        """Its end; that nothing of it lives on is part of it."""
        status = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
            assert not reader.is_alive(), "somebody holds its output open"
        survivors = self.survivors()
        assert not survivors, f"left behind: {survivors}"
        assert "Traceback" not in "".join(self.err), self.said()
        return Ran(status, "".join(self.out), "".join(self.err))

    def survivors(self) -> list[str]:
        """The commands of the processes that it started, and what those started, which do not end."""
        return [what for pid, what in self._relatives().items() if pid != self.process.pid and not _ends(pid)]

    def said(self) -> str:
        """All it said, for a test that failed."""
        return "".join(["out: ", *self.out, "err: ", *self.err])

    def kill(self) -> None:
        """End it and its children in any case."""
        for pid in {*self._relatives(), self.process.pid}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(BrokenPipeError):
                assert stream
                stream.close()

    def _relatives(self) -> dict[int, str]:
        """Every living process that carries our token, by id, with its command."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or is another user's
                if f"{TOKEN}={self._token}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        return found


def _ends(pid: int) -> bool:
    """Whether a process that was killed comes to its end soon."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10.0)[0])
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class User:
    """Somebody with a home of their own, nothing in it."""

    folder: Path
    env: dict[str, str]

    @property
    def socket(self) -> Path:
        """Where the daemon serves its events by default."""
        return self.folder / "run" / "kwsd" / "events.sock"

    def start(self, *arguments: object, read_stdout: bool = True, **env: str) -> Running:
        """Start kwsd; the caller ends it."""
        return Running(self.command(*arguments), self.env | env, read_stdout=read_stdout)

    def command(self, *arguments: object) -> list[str]:
        """The installed program, else the module, with arguments."""
        script = Path(sys.executable).with_name("kwsd")
        return [*([str(script)] if script.exists() else [sys.executable, "-m", "kwsd"]), *map(str, arguments)]

    def run(self, *arguments: object, **env: str) -> Ran:
        """kwsd, from its start to its end, with nothing on standard input."""
        running = self.start(*arguments, **env)
        try:
            return running.end()
        finally:
            running.kill()


@pytest.fixture(scope="session")
def user() -> Iterator[User]:
    """The user of all process tests. Not in pytest's tmp_path: a socket's path holds 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="kwsd-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("KWSD_", "XDG_", "NOTIFY_", "WATCHDOG_"))}
        for place in ("config", "state", "run"):
            (folder / place).mkdir(mode=0o700)
        home = {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
        }
        yield User(folder, inherited | home)


@pytest.fixture
def start(user: User) -> Iterator[Callable[..., Running]]:
    """Starts kwsd as `User.start` does; what still runs after the test is killed."""
    with ExitStack() as stack:

        def begin(*arguments: object, **options: Any) -> Running:
            running = user.start(*arguments, **options)
            stack.callback(running.kill)
            return running

        yield begin


@pytest.fixture(scope="session")
def recordings() -> Path:
    """What ships with the tests."""
    return Path(__file__).parents[1] / "recordings"


@pytest.fixture(scope="session")
def spoken(recordings: Path) -> list[tuple[float, float, str]]:
    """Where which word lies in commands.flac: start and end in seconds, and the word."""
    rows = [line.split("\t") for line in (recordings / "commands.tsv").read_text().splitlines()[1:]]
    return [(float(start), float(end), word) for start, end, word in rows]


@pytest.fixture(scope="session")
def pcm(recordings: Path) -> bytes:
    """commands.flac as raw samples."""
    from kwsd.audio.files import read_clip

    return read_clip(recordings / "commands.flac").astype("<i2").tobytes()


class Manager:
    """What systemd would be: it hears what the daemon tells it."""

    def __init__(self, address: Path) -> None:
        self.address = str(address)
        self.heard: list[str] = []
        """All lines so far, in order."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(PATIENCE_S)

    def wait_for(self, line: str) -> None:
        """Wait until that has been said."""
        while line not in self.heard:
            self.heard += self._socket.recv(4096).decode().splitlines()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        Path(self.address).unlink()


@pytest.fixture
def manager(user: User) -> Iterator[Manager]:
    """A service manager; its address is the daemon's NOTIFY_SOCKET."""
    listening = Manager(user.folder / "notify")
    yield listening
    listening.close()

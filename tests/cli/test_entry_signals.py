"""Signals that come before a command runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kwsd as package
from kwsd.cli import main
from kwsd.daemon.signals import Held

Command = Callable[..., Any]
SCRIPT = ("-c", "import sys; from kwsd.cli import main; sys.argv[0] = 'kwsd'; sys.exit(main())")


@pytest.mark.parametrize("program", [("-m", "kwsd"), SCRIPT])
@pytest.mark.parametrize(
    ("number", "command", "status"),
    [
        (signal.SIGINT, ("version",), 130),
        (signal.SIGINT, ("listen", "-"), 130),
        (signal.SIGTERM, ("listen", "-"), 0),
        (signal.SIGTERM, ("version",), -signal.SIGTERM),
    ],
)
def test_a_signal_while_it_is_still_imported(
    tmp_path: Path, program: tuple[str, ...], number: signal.Signals, command: tuple[str, ...], status: int
) -> None:
    """The signal comes as typer is imported, which is among the first of all imports."""
    (tmp_path / "typer.py").write_text(f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(30)\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(package.__file__).parents[1]}"}
    done = subprocess.run([sys.executable, *program, *command], capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


@pytest.mark.parametrize(("command", "status"), [(("listen", "-"), 0), (("version",), -signal.SIGTERM)])
def test_a_signal_that_the_parent_has_blocked_ends_it_all_the_same(command: tuple[str, ...], status: int) -> None:
    """A program that waits for its signals in a thread has them blocked, and so have the programs that it starts."""
    blocked = "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, {15}); os.kill(os.getpid(), 15)\n"
    program = [sys.executable, "-c", blocked + SCRIPT[1], *command]
    done = subprocess.run(program, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


SWALLOWING = f"""
import os, time
try:
    os.kill(os.getpid(), {int(signal.SIGINT)})
    time.sleep(30)
except KeyboardInterrupt:
    os._exit(7)
"""


def test_ctrl_c_while_the_daemon_is_imported(tmp_path: Path) -> None:
    """Where Python imports, an exception may be lost, such as in a weak reference's callback."""
    (tmp_path / "numpy.py").write_text(SWALLOWING)
    (tmp_path / "talk.wav").touch()
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(package.__file__).parents[1]}"}
    command = [sys.executable, "-m", "kwsd", "listen", "--config", os.devnull, str(tmp_path / "talk.wav")]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_argument_called_listen_does_not_change_what_ctrl_c_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training on a folder of that name has something to clean up."""
    found = []
    monkeypatch.setattr("sys.argv", ["kwsd", "train", "listen"])
    monkeypatch.setattr("kwsd.cli.entry.main", lambda: found.append(signal.getsignal(signal.SIGINT)))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert found == [signal.default_int_handler]


ON_A_TERMINAL = """
import fcntl, os, pty, sys, termios
master, slave = pty.openpty()
os.set_inheritable(master, True)  # else exec closes it, and the kernel hangs up
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("command", "terminal", "status"),
    [
        (("listen",), False, 7),
        (("listen",), True, -signal.SIGHUP),
        (("version",), False, -signal.SIGHUP),
    ],
)
def test_sighup_while_it_is_still_imported(
    tmp_path: Path, command: tuple[str, ...], terminal: bool, status: int
) -> None:
    """A daemon without a terminal takes it for a reload, of a configuration that it has not read yet."""
    (tmp_path / "typer.py").write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGHUP)})\nos._exit(7)\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(package.__file__).parents[1]}"}
    program = [sys.executable, "-m", "kwsd", *command]
    within = [sys.executable, "-c", ON_A_TERMINAL] if terminal else []
    done = subprocess.run([*within, *program], env=env, check=False, capture_output=True, start_new_session=True)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")


@pytest.mark.parametrize("source", [(), ("none.wav",), ("-",)])
def test_sighup_is_held_for_a_microphone_alone(kwsd: Command, source: tuple[str, ...]) -> None:
    held = Held()
    before = signal.signal(signal.SIGHUP, held)
    try:
        assert kwsd("listen", *source, "--config", "/none").status == 78
        assert signal.getsignal(signal.SIGHUP) == (signal.SIG_DFL if source else held)
    finally:
        signal.signal(signal.SIGHUP, before)


HELD = """
import signal, sys
from kwsd.cli.entry import main
from kwsd.daemon.signals import Held
signal.signal(signal.SIGHUP, Held())
signal.raise_signal(signal.SIGHUP)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("source", "status"), [((), 78), (("none.wav",), -signal.SIGHUP), (("-",), -signal.SIGHUP)])
def test_sighup_that_was_held_ends_a_recording(source: tuple[str, ...], status: int) -> None:
    command = [sys.executable, "-c", HELD, "listen", *source, "--config", "/none"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == status

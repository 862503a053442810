"""A daemon that is stuck, in the model's loading or in a window, and the signals that end it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S

from kwsd.daemon.signals import TOGETHER_S

STUCK = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
from conftest import FakeSource, FakeZoo, LevelClassifier
from kwsd.config import load_config
from kwsd.daemon import supervisor

def load():
    print("loading", flush=True)
    threading.Event().wait()

def hear(windows):
    print("hearing", flush=True)
    threading.Event().wait()

LevelClassifier.score = lambda self, windows: hear(windows)
import numpy as np
supervisor.JOIN_S = 3600.0  # who ends sooner has not waited for what is stuck
source = FakeSource([np.full(16_000, 9000, np.int16)], live=True)
config = load_config(None, {"gate.enabled": False, "socket.path": sys.argv[3]}).config
zoo = FakeZoo(load) if sys.argv[2] == "loading" else FakeZoo()
sys.exit(supervisor.run(config, source, zoo=zoo))
"""


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a daemon that is stuck where it says, in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(where: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", STUCK, str(Path(__file__).parent), where, str(tmp_path / "s")]
        environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
        if (tmp_path / "notify").exists():
            environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == f"{where}\n", process.stderr and process.stderr.read()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_while_the_model_is_loading(
    stuck: Callable[[str], subprocess.Popen[str]], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process = stuck("loading")
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == status
    assert process.communicate() == ("", "")
    assert not (tmp_path / "s").exists()


def test_a_second_signal_ends_a_daemon_that_does_not_come_to_its_end(
    stuck: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        process = stuck("hearing")
        process.send_signal(signal.SIGINT)
        while not manager.recv(4096).startswith(b"STOPPING=1"):
            pass  # until the first one is being obeyed
        time.sleep(TOGETHER_S)  # two that come together count as one
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == -signal.SIGINT
    assert process.communicate() == ("", "")

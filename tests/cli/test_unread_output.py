"""Standard output with a reader that does not read."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading

import pytest
from patience import PATIENCE_S
from unread import full_pipe

from kwsd.cli import main


def test_what_is_left_to_print_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = full_pipe()
    read_at_last = threading.Timer(PATIENCE_S, os.read, [reading, 65_536])
    read_at_last.start()
    with os.fdopen(writing, "w") as stdout:

        def say(_: str) -> None:
            stdout.write("the first half")
            raise KeyboardInterrupt

        monkeypatch.setattr("kwsd.cli.commands.version.say", say)
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["version"]) == 130
        assert read_at_last.is_alive()
    read_at_last.cancel()
    os.close(reading)


def test_a_descriptor_that_does_not_wait_is_no_fault() -> None:
    reading, writing = full_pipe()
    os.set_blocking(writing, False)
    command = [sys.executable, "-m", "kwsd", "version"]
    env = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=env)
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stderr.count("\n")) == (69, 1)
    assert "the output is full and set not to wait (O_NONBLOCK): read it faster, or clear that flag" in done.stderr


def test_ctrl_c_again_while_it_is_printed_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting(io.StringIO):
        def flush(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", Waiting())
    assert main(["version"]) == 130

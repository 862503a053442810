"""The exit status where the output or the log is full, or nobody reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE_S
from sockets import reset_by_peer
from unread import full_pipe


def run(arguments: tuple[str, ...], output: int, unbuffered: str) -> subprocess.CompletedProcess[str]:
    """Run kwsd with the descriptor `output` as its standard output, and close that."""
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "kwsd", *arguments]
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=env)
    os.close(output)
    return done


def unread_pipe() -> int:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("output", [unread_pipe, reset_by_peer])
@pytest.mark.parametrize("arguments", [("config", "--format", "toml"), ("--help",), ("--version",)])
def test_a_reader_that_has_read_enough_is_no_error(
    arguments: tuple[str, ...], output: Callable[[], int], unbuffered: str
) -> None:
    done = run(arguments, output(), unbuffered)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("version",), ("config",), ("models",), ("--help",), ("listen", "--help")])
def test_a_full_disk_is_no_fault(arguments: tuple[str, ...], unbuffered: str) -> None:
    done = run(arguments, os.open("/dev/full", os.O_WRONLY), unbuffered)
    assert done.returncode == 69
    (line,) = done.stderr.splitlines()
    assert line.startswith("kwsd: error: the output cannot be written: No space left on device")


def read_only() -> int:
    """A descriptor that cannot be written to, as after `1<file`."""
    return os.open(os.devnull, os.O_RDONLY)


def terminal_that_is_gone() -> int:
    ours, theirs = os.openpty()
    os.close(ours)
    return theirs


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("output", [read_only, terminal_that_is_gone])
@pytest.mark.parametrize("arguments", [("version",), ("config",), ("--help",)])
def test_an_output_that_cannot_be_written_is_no_fault(
    arguments: tuple[str, ...], output: Callable[[], int], unbuffered: str
) -> None:
    done = run(arguments, output(), unbuffered)
    assert done.returncode == 69
    (line,) = done.stderr.splitlines()
    assert line.startswith("kwsd: error: the output cannot be written: ")


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("arguments", "status"), [(("listen", "none.wav"), 66), (("config", "--config", "/none"), 78)])
def test_the_status_is_the_same_where_nobody_can_read_the_log(
    arguments: tuple[str, ...], status: int, closed: bool
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("w") as full:
        log = writing if closed else full
        done = subprocess.run([sys.executable, "-m", "kwsd", *arguments], stderr=log, check=False)
    os.close(writing)
    assert done.returncode == status


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_the_status_is_the_same_where_the_log_is_full_and_nobody_reads_it(debug: tuple[str, ...]) -> None:
    reading, writing = full_pipe()
    command = [sys.executable, "-m", "kwsd", "listen", "none.wav", *debug]
    try:
        assert subprocess.run(command, stderr=writing, check=False, timeout=PATIENCE_S).returncode == 66
    finally:
        os.close(reading)
        os.close(writing)

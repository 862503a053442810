"""Processes that a driver holds in the kernel, where nothing can kill them; here a debugger holds one at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kwsd.audio.capture import apart
from kwsd.isolated import isolated

CAPTURE = """
import os, signal
from kwsd.audio.capture.apart import answering
os.write(answering(int(sys.argv[1])), b"ready")
signal.pause()
"""
HOLD = """
import ctypes, os, sys
SEIZE, AT_EXIT, ALL = 0x4206, 0x40, 0x40000000
process, ptrace = int(sys.argv[1]), ctypes.CDLL(None).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
print(ptrace(SEIZE, process, 0, AT_EXIT), flush=True)
os.waitpid(process, ALL)
print("held", flush=True)
sys.stdin.read()
"""


def started() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(isolated(CAPTURE, f"{os.getpid()}"), stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.read(5) == b"ready"
    process.stdout.close()
    return process


def test_what_was_killed_and_is_still_there_is_stuck() -> None:
    process = started()
    holding = [sys.executable, "-c", HOLD, f"{process.pid}"]
    with process, subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        if holder.stdout.readline() != "0\n":
            process.kill()
            pytest.skip("takes ptrace(2)")
        assert process.pid not in apart.stuck_in_kernel()
        process.kill()
        assert holder.stdout.readline() == "held\n"
        assert process.pid in apart.stuck_in_kernel()
        holder.communicate()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process.pid not in apart.stuck_in_kernel()


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, [7]),
        ({"ShdPnd": "0000000000004000"}, []),
        ({"Uid": "1\t{other}\t1\t1"}, []),
        ({"State": "Z (zombie)"}, []),
        ({"State": "Z (zombie)", "Threads": "2"}, [7]),
    ],
)
def test_what_the_kernel_tells_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], found: list[int]
) -> None:
    """A signal of another kind, another user's process, one that has ended, and one of which only a thread has."""
    user = os.geteuid()
    told = {"State": "D (disk sleep)", "Uid": f"{user}\t{user}\t{user}\t{user}", "Threads": "1"}
    told |= {"ShdPnd": "0000000000000100", **changed}
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "comm").write_text("kwsd-capture\n")
    lines = "".join(f"{key}:\t{value}\n" for key, value in told.items())
    (tmp_path / "7" / "status").write_text(lines.format(other=user + 1))
    (tmp_path / "8").mkdir()  # a process that ends just now
    (tmp_path / "9").mkdir()  # and one of a kernel that tells less
    (tmp_path / "9" / "comm").write_text("kwsd-capture\n")
    (tmp_path / "9" / "status").write_text("State:\tD (disk sleep)\n")
    monkeypatch.setattr("kwsd.audio.capture.apart._PROCESSES", tmp_path)
    assert apart.stuck_in_kernel() == found

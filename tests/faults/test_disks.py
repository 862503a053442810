"""Disks without room, under whatever is written to them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faulty_daemon import FAST, shell, words

Start = Callable[..., Any]


def test_a_full_disk_under_the_log(start: Start, tmp_path: Path) -> None:
    log = shlex.quote(str(tmp_path / "log"))
    command = shell(f'ulimit -f 1; exec "$@" 2>{log}', "listen", "-", "--hook", "yes=false", *FAST)
    running = start(command=command)
    running.write(words(40))
    ran = running.end()
    assert ran.status == 0
    assert [event["type"] for event in ran.events].count("detection") == 40
    assert (tmp_path / "log").stat().st_size <= 1024


def test_a_file_system_of_a_few_kilobytes(start: Start, tmp_path: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("a file system for the daemon alone takes root, and unshare")
    small = tmp_path / "small"
    small.mkdir()
    line = (
        f'mount -t tmpfs -o size=64k tmpfs {small} && "$@" 2>{small}/log; code=$?; df {small} | tail -1 >&2; exit $code'
    )
    command = shell(line, "listen", "-", "--save-detections", small, "--hook", "yes=false", *FAST)
    running = start(command=["unshare", "--mount", *command])
    running.write(words(40))
    ran = running.end()
    assert ran.status == 0
    assert [event["type"] for event in ran.events].count("detection") == 40
    assert int(ran.err.split()[3]) < 32  # kilobytes left: no room for one more recording of 32 kB


def test_a_full_disk_under_standard_output(start: Start) -> None:
    running = start(command=shell('exec "$@" >/dev/full', "listen", "-", *FAST))
    running.write(words(5))
    ran = running.end()
    assert ran.status == 69
    assert "standard output cannot be written: No space left on device" in ran.errors[0]
